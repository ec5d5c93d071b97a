# Runs in istio-proxy (bash and grep, nothing else): asks Envoy's admin port for a path, once a period, and prints which
# lines of the answer match a pattern, each up to a text and without blanks. One line a poll:
# "<uptime before> <uptime after> <line>,<line>…"; no answer gives "<before> - -".
# Starting pilot-agent instead would cost a tenth of a core for each client that is watched.
# Standard input is a leash: a line or its end stops the loop, and waiting for it is the pause between two polls.
path=$1 wanted=$2 until=$3 period_s=$4
while :; do
  read -r before _ < /proc/uptime
  answer=
  if exec 3<> /dev/tcp/127.0.0.1/15000; then
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$path" >&3
    answer=$(grep -a -e '^HTTP/1.1 200' -e "$wanted" <&3)
    exec 3>&-
  fi
  read -r after _ < /proc/uptime
  if [[ $answer ]]; then
    told=
    while IFS= read -r line; do
      line=${line%%"$until"*}
      case $line in HTTP/1.1*) ;; *) told=$told,${line// /} ;; esac
    done <<< "$answer"
    echo "$before $after ${told#,}"
  else
    echo "$before - -"
  fi
  read -r -t "$period_s" _
  (($? > 128)) || exit 0
done
