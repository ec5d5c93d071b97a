# Runs on a node: prints what faults leave there, "<section>\t<line>" each. It changes nothing.
each() { while IFS= read -r line; do printf '%s\t%s\n' "$1" "$line"; done; }
nft -s list ruleset 2>&1 | each rules
tc qdisc show 2>&1 | each qdiscs
for netns in /var/run/netns/*; do
  [ -e "$netns" ] || continue
  tc -netns "${netns##*/}" qdisc show 2> /dev/null
  printf '\n'
done | each qdiscs
for netns in /var/run/netns/*; do
  [ -e "$netns" ] || continue
  nsenter --net="$netns" nft -s list ruleset 2> /dev/null
done | each "pod rules"
# The brackets keep this grep from finding itself.
for found in $(grep -la 'open_loop[.]py' /proc/[0-9]*/cmdline 2> /dev/null); do
  tr '\0' ' ' < "$found" 2> /dev/null
  printf '\n'
done | each callers
