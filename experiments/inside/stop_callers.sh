# Runs in a caller's pod: ends the open-loop callers that a killed experiment left there (those of the run $0, or all when
# it is empty), and prints how many.
ended=0
for each in /proc/[0-9]*; do
  # The brackets keep this script, whose own words are in /proc too, from finding itself.
  if tr '\0' ' ' < "$each/cmdline" 2> /dev/null | grep -q "open_loop[.]py --url .* --run $0"; then
    kill -TERM "${each#/proc/}" && ended=$((ended + 1))
  fi
done
echo "$ended"
