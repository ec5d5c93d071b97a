package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// The tests send real packets through a real kernel: network namespaces stand for a node, its pods, and a machine
// outside the pod network. They need root, nft and ip, and touch nothing but those namespaces.
const (
	nodeNS     = "cnitest-node"
	outsideNS  = "cnitest-outside"
	outsideIP  = "192.0.2.2"
	answerTime = 250 * time.Millisecond
)

var podIPs = map[string]string{"web": "10.99.0.2", "api": "10.99.0.3", "other": "10.99.0.4"}

func testPod(name, namespace string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels.Set{"app": name}},
		Spec: corev1.PodSpec{NodeName: "node", Containers: []corev1.Container{
			{Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}}},
		}},
		Status: corev1.PodStatus{PodIP: podIPs[name], Phase: corev1.PodRunning},
	}
}

// world is one node with web and api in namespace shop and other in namespace else, under the given policies.
func world(t *testing.T, specs ...string) *snapshot {
	t.Helper()
	s := &snapshot{
		self: "node",
		nodes: []*corev1.Node{
			{ObjectMeta: metav1.ObjectMeta{Name: "node"}, Spec: corev1.NodeSpec{PodCIDR: "10.99.0.0/24"}},
			{ObjectMeta: metav1.ObjectMeta{Name: "peer"}, Spec: corev1.NodeSpec{PodCIDR: "10.99.1.0/24"}},
		},
		pods:       []*corev1.Pod{testPod("web", "shop"), testPod("api", "shop"), testPod("other", "else")},
		namespaces: map[string]labels.Set{"shop": {"team": "a"}, "else": {"team": "b"}},
	}
	for _, spec := range specs {
		policy := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}}
		if err := yaml.UnmarshalStrict([]byte(spec), &policy.Spec); err != nil {
			t.Fatal(err)
		}
		s.policies = append(s.policies, policy)
	}
	return s
}

func sh(t *testing.T, script string) {
	t.Helper()
	if output, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", script, err, output)
	}
}

func inside[T any](t *testing.T, namespace string, do func() (T, error)) (T, error) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	there, err := netns.GetFromName(namespace)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	if err := netns.Set(there); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := netns.Set(home); err != nil {
			panic(err)
		}
	}()
	return do()
}

// serve answers on ip:port of a namespace with the caller's address, and then echoes.
func serve(t *testing.T, namespace, address string) {
	t.Helper()
	listener, err := inside(t, namespace, func() (net.Listener, error) { return net.Listen("tcp4", address) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				fmt.Fprintln(connection, connection.RemoteAddr().(*net.TCPAddr).IP)
				io.Copy(connection, connection)
			}()
		}
	}()
}

func dial(t *testing.T, namespace, address string) (net.Conn, error) {
	t.Helper()
	return inside(t, namespace, func() (net.Conn, error) { return net.DialTimeout("tcp4", address, answerTime) })
}

// seenAs is the address that the server saw, or "" when the connection did not come about.
func seenAs(t *testing.T, namespace, address string) string {
	t.Helper()
	connection, err := dial(t, namespace, address)
	if err != nil {
		return ""
	}
	defer connection.Close()
	var ip string
	if _, err := fmt.Fscanln(connection, &ip); err != nil {
		t.Fatal(err)
	}
	return ip
}

func apply(t *testing.T, s *snapshot) {
	t.Helper()
	rules := s.ruleset(netip.MustParsePrefix("10.99.0.0/24"), netip.MustParsePrefix("10.96.0.0/16"))
	if err := applyRuleset(context.Background(), rules, "ip", "netns", "exec", nodeNS); err != nil {
		t.Fatalf("%v\n%s", err, rules)
	}
}

func buildNode(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	t.Cleanup(func() {
		for _, namespace := range []string{nodeNS, outsideNS, "cnitest-web", "cnitest-api", "cnitest-other"} {
			exec.Command("ip", "netns", "del", namespace).Run()
		}
	})
	sh(t, "ip netns add "+nodeNS+"; ip netns exec "+nodeNS+" sysctl -qw net.ipv4.ip_forward=1; ip -n "+nodeNS+" link set lo up")
	connect := `ip netns add $NS; ip -n $NS link set lo up
		ip link add eth0 netns $NS type veth peer name $PORT netns $NODE
		ip -n $NS addr add $IP/32 dev eth0; ip -n $NS link set eth0 up
		ip -n $NODE addr add $GW/32 dev $PORT; ip -n $NODE link set $PORT up; ip -n $NODE route add $IP dev $PORT src $GW
		ip -n $NS route add $GW dev eth0; ip -n $NS route add default via $GW`
	wire := func(namespace, port, ip, gateway string) {
		sh(t, strings.NewReplacer("$NS", namespace, "$PORT", port, "$IP", ip, "$GW", gateway, "$NODE", nodeNS).Replace(connect))
	}
	for name, ip := range podIPs {
		wire("cnitest-"+name, name, ip, "10.99.0.1")
		serve(t, "cnitest-"+name, ip+":8080")
		serve(t, "cnitest-"+name, ip+":8081")
	}
	wire(outsideNS, "outside", outsideIP, "192.0.2.1")
	serve(t, outsideNS, outsideIP+":8080")
}

func TestPolicies(t *testing.T) {
	buildNode(t)
	const all = "web>api:8080 web>api:8081 other>api:8080 outside>api:8080 node>api:8080 api>web:8080 api>other:8080 api>outside:8080 api>api:8080"
	denied := func(routes string) string {
		kept := strings.Fields(all)
		for _, route := range strings.Fields(routes) {
			before := len(kept)
			for i, candidate := range kept {
				if candidate == route {
					kept = append(kept[:i], kept[i+1:]...)
					break
				}
			}
			if len(kept) == before {
				t.Fatalf("no such route: %s", route)
			}
		}
		return strings.Join(kept, " ")
	}
	const intoAPI = "{podSelector: {matchLabels: {app: api}}, policyTypes: [Ingress], ingress: "
	const outOfAPI = "{podSelector: {matchLabels: {app: api}}, policyTypes: [Egress], egress: "
	for name, test := range map[string]struct {
		policies []string
		want     string
	}{
		"no policy":            {nil, all},
		"deny ingress":         {[]string{intoAPI + "[]}"}, denied("web>api:8080 web>api:8081 other>api:8080 outside>api:8080")},
		"deny egress":          {[]string{outOfAPI + "[]}"}, denied("api>web:8080 api>other:8080 api>outside:8080")},
		"empty rule":           {[]string{intoAPI + "[{}]}"}, all},
		"pods of own space":    {[]string{intoAPI + "[{from: [{podSelector: {}}]}]}"}, denied("other>api:8080 outside>api:8080")},
		"pod label":            {[]string{intoAPI + "[{from: [{podSelector: {matchLabels: {app: web}}}]}]}"}, denied("other>api:8080 outside>api:8080")},
		"unmatched label":      {[]string{intoAPI + "[{from: [{podSelector: {matchLabels: {app: x}}}]}]}"}, denied("web>api:8080 web>api:8081 other>api:8080 outside>api:8080")},
		"namespace":            {[]string{intoAPI + "[{from: [{namespaceSelector: {matchLabels: {team: b}}}]}]}"}, denied("web>api:8080 web>api:8081 outside>api:8080")},
		"namespace and pod":    {[]string{intoAPI + "[{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: other}}}]}]}"}, denied("web>api:8080 web>api:8081 outside>api:8080")},
		"port":                 {[]string{intoAPI + "[{ports: [{port: 8081}]}]}"}, denied("web>api:8080 other>api:8080 outside>api:8080")},
		"port range":           {[]string{intoAPI + "[{ports: [{port: 8000, endPort: 8080}]}]}"}, denied("web>api:8081")},
		"named port":           {[]string{intoAPI + "[{ports: [{port: http}]}]}"}, denied("web>api:8081")},
		"unknown named port":   {[]string{intoAPI + "[{ports: [{port: nope}]}]}"}, denied("web>api:8080 web>api:8081 other>api:8080 outside>api:8080")},
		"other protocol":       {[]string{intoAPI + "[{ports: [{protocol: UDP}]}]}"}, denied("web>api:8080 web>api:8081 other>api:8080 outside>api:8080")},
		"protocol":             {[]string{intoAPI + "[{ports: [{protocol: TCP}]}]}"}, all},
		"peer and port":        {[]string{intoAPI + "[{from: [{podSelector: {}}], ports: [{port: 8081}]}]}"}, denied("web>api:8080 other>api:8080 outside>api:8080")},
		"block":                {[]string{intoAPI + "[{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}"}, denied("web>api:8080 web>api:8081 other>api:8080")},
		"everything but":       {[]string{intoAPI + "[{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.99.0.2/32, 10.99.0.0/30]}}]}]}"}, denied("web>api:8080 web>api:8081")},
		"IPv6 block":           {[]string{intoAPI + "[{from: [{ipBlock: {cidr: '::/0'}}]}]}"}, denied("web>api:8080 web>api:8081 other>api:8080 outside>api:8080")},
		"two policies add up":  {[]string{intoAPI + "[]}", intoAPI + "[{from: [{podSelector: {}}]}]}"}, denied("other>api:8080 outside>api:8080")},
		"egress to a pod":      {[]string{outOfAPI + "[{to: [{podSelector: {}}]}]}"}, denied("api>other:8080 api>outside:8080")},
		"egress to a block":    {[]string{outOfAPI + "[{to: [{ipBlock: {cidr: 192.0.2.2/32}}]}]}"}, denied("api>web:8080 api>other:8080")},
		"egress named port":    {[]string{outOfAPI + "[{ports: [{port: http}]}]}"}, denied("api>outside:8080")},
		"both ends must allow": {[]string{outOfAPI + "[{}]}", "{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}"}, denied("api>web:8080")},
		"another pod's policy": {[]string{"{podSelector: {matchLabels: {app: other}}, policyTypes: [Ingress, Egress]}"}, all},
	} {
		t.Run(name, func(t *testing.T) {
			apply(t, world(t, test.policies...))
			var open []string
			for _, route := range strings.Fields(all) {
				from, target, _ := strings.Cut(route, ">")
				to, port, _ := strings.Cut(target, ":")
				ip := podIPs[to]
				if to == "outside" {
					ip = outsideIP
				}
				if seenAs(t, "cnitest-"+from, ip+":"+port) != "" {
					open = append(open, route)
				}
			}
			if got := strings.Join(open, " "); got != test.want {
				t.Errorf("open:\n %s\nwant:\n %s", got, test.want)
			}
		})
	}
}

// TestServices puts a Service address in front of api the way kube-proxy does: translated before it is forwarded, and
// masqueraded where a pod reaches itself.
func TestServices(t *testing.T) {
	buildNode(t)
	sh(t, "ip netns exec "+nodeNS+` nft '
		add table ip service
		add chain ip service before { type nat hook prerouting priority dstnat; }
		add rule ip service before ip daddr 10.96.0.9 tcp dport 80 dnat to 10.99.0.3:8080
		add chain ip service after { type nat hook postrouting priority srcnat; }
		add rule ip service after ip saddr 10.99.0.3 ip daddr 10.99.0.3 masquerade'`)
	for _, test := range []struct {
		peers string
		open  string
	}{
		{"[]", "api"},
		{"[{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 8080}]}]", "api web"},
		{"[{ports: [{port: 80}]}]", "api"}, // the port that counts is the pod's
	} {
		apply(t, world(t, "{podSelector: {matchLabels: {app: api}}, policyTypes: [Ingress, Egress], ingress: "+test.peers+"}"))
		var open []string
		for _, from := range []string{"api", "other", "web"} {
			if seenAs(t, "cnitest-"+from, "10.96.0.9:80") != "" {
				open = append(open, from)
			}
		}
		if got := strings.Join(open, " "); got != test.open {
			t.Errorf("with ingress %s the Service is open to %q, want %q", test.peers, got, test.open)
		}
	}
}

// TestServicesThatNobodyTranslates: somebody outside answers on every address, as the proxy of a network may.
func TestServicesThatNobodyTranslates(t *testing.T) {
	buildNode(t)
	sh(t, "ip -n "+nodeNS+" route add 10.96.0.0/16 via "+outsideIP+"; ip -n "+outsideNS+" addr add 10.96.0.9/32 dev lo")
	serve(t, outsideNS, "10.96.0.9:80")
	if seenAs(t, "cnitest-web", "10.96.0.9:80") == "" {
		t.Fatal("without rules nobody answers outside: the test shows nothing")
	}
	apply(t, world(t))
	if _, err := dial(t, "cnitest-web", "10.96.0.9:80"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("what was meant for a Service was not refused: %v", err)
	}
}

func TestAddressesSeen(t *testing.T) {
	buildNode(t)
	apply(t, world(t))
	if got := seenAs(t, "cnitest-web", podIPs["api"]+":8080"); got != podIPs["web"] {
		t.Errorf("inside the pod network web is seen as %q", got)
	}
	if got := seenAs(t, "cnitest-web", outsideIP+":8080"); got != "192.0.2.1" {
		t.Errorf("outside the pod network web is seen as %q, not as its node", got)
	}
}

func TestConnectionsOutliveNewRulesets(t *testing.T) {
	buildNode(t)
	apply(t, world(t))
	for _, address := range []string{podIPs["api"] + ":8080", outsideIP + ":8080"} {
		connection, err := dial(t, "cnitest-web", address)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		var word string
		fmt.Fscanln(connection, &word)
		for range 20 {
			apply(t, world(t, "{podSelector: {}, policyTypes: [Ingress]}"))
			apply(t, world(t))
			connection.SetDeadline(time.Now().Add(time.Second))
			fmt.Fprintln(connection, "still")
			if _, err := fmt.Fscanln(connection, &word); err != nil || word != "still" {
				t.Fatalf("the connection to %s broke: %q, %v", address, word, err)
			}
		}
	}
}

func TestRoutesFollowTheNodes(t *testing.T) {
	buildNode(t)
	routes := func() string {
		output, err := exec.Command("ip", "-n", nodeNS, "-4", "route", "show", "proto", fmt.Sprint(routeProtocol)).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(string(output)), " ")
	}
	sh(t, "ip -n "+nodeNS+" link add lan type veth peer name far; ip -n "+nodeNS+" link set far up; ip -n "+nodeNS+" addr add 198.51.100.1/24 dev lan; ip -n "+nodeNS+" link set lan up")
	for _, step := range []struct {
		want map[string]string
		show string
	}{
		{map[string]string{"10.99.1.0/24": "198.51.100.2"}, "10.99.1.0/24 via 198.51.100.2 dev lan"},
		{map[string]string{"10.99.1.0/24": "198.51.100.3"}, "10.99.1.0/24 via 198.51.100.3 dev lan"},
		{map[string]string{"10.99.2.0/24": "198.51.100.3"}, "10.99.2.0/24 via 198.51.100.3 dev lan"},
		{map[string]string{}, ""},
	} {
		if _, err := inside(t, nodeNS, func() (any, error) { return nil, syncRoutes(step.want) }); err != nil {
			t.Fatal(err)
		}
		if got := routes(); got != step.show {
			t.Errorf("routes %q, want %q", got, step.show)
		}
	}
}
