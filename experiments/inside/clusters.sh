# Runs in istio-proxy (bash and grep, nothing else): asks Envoy's admin port, once a period, which hosts failed outlier
# detection. One line a poll: "<uptime before> <uptime after> <cluster>::<host>,…"; no answer gives "<before> - -".
# Starting pilot-agent instead would cost a tenth of a core for each client that is watched.
# Standard input is a leash: a line or its end stops the loop, and waiting for it is the pause between two polls.
wanted=$1 period_s=$2
while :; do
  read -r before _ < /proc/uptime
  answer=
  if exec 3<> /dev/tcp/127.0.0.1/15000; then
    printf 'GET /clusters HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    answer=$(grep -a -e '^HTTP/1.1 200' -e "^$wanted.*failed_outlier_check" <&3)
    exec 3>&-
  fi
  read -r after _ < /proc/uptime
  if [[ $answer ]]; then
    hosts=
    while IFS= read -r line; do
      case $line in *failed_outlier_check*) hosts=$hosts,${line%%::health_flags*} ;; esac
    done <<< "$answer"
    echo "$before $after ${hosts#,}"
  else
    echo "$before - -"
  fi
  read -r -t "$period_s" _
  (($? > 128)) || exit 0
done
