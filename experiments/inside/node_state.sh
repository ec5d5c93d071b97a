# Runs on a node: prints what faults leave there, "<section>\t<line>" each. It changes nothing.
each() { while IFS= read -r line; do printf '%s\t%s\n' "$1" "$line"; done; }
nft -s list ruleset 2>&1 | each rules
tc qdisc show 2>&1 | each qdiscs
for netns in /var/run/netns/*; do
  name=${netns##*/}
  [ -e "$netns" ] || continue
  ip netns exec "$name" tc qdisc show 2> /dev/null | each qdiscs
  ip netns exec "$name" nft -s list ruleset 2> /dev/null | each "pod rules"
done
for process in /proc/[0-9]*; do
  # The brackets keep this script's own words from being found.
  words=$(tr '\0' ' ' < "$process/cmdline" 2> /dev/null)
  case $words in *open_loop[.]py\ --url*) printf 'callers\t%s\n' "$words" ;; esac
done
