package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ruleset is the whole nftables table of this node, replaced in one transaction. NetworkPolicy is enforced where packets
// are forwarded to and from the node's own pods: there a Service address is already the pod's, nothing is masqueraded
// yet, and what the node itself sends (the kubelet's probes) does not pass, as the API asks. An isolated pod has a chain
// per direction that ends in a drop; "return" in it allows, and goes on to the other end's chain.
//
// What still has a Service's address there met no rule of kube-proxy, which writes them a moment after the Service is
// made. It would leave the node for whoever answers outside, and a connection that is kept alive would stay there.
func (s *snapshot) ruleset(own, services netip.Prefix) string {
	var chains, self, egress, ingress []string
	s.live = s.livePods()
	for ip, pod := range s.live {
		if pod.Spec.NodeName != s.self {
			continue
		}
		isolated := false
		if rules := s.rules(pod, networkingv1.PolicyTypeEgress); rules != nil {
			chains = append(chains, chain("out-"+ip, rules))
			egress = append(egress, fmt.Sprintf("%s : jump out-%s", ip, ip))
			isolated = true
		}
		if rules := s.rules(pod, networkingv1.PolicyTypeIngress); rules != nil {
			chains = append(chains, chain("in-"+ip, rules))
			ingress = append(ingress, fmt.Sprintf("%s : jump in-%s", ip, ip))
			isolated = true
		}
		if isolated {
			self = append(self, ip+" . "+ip)
		}
	}
	slices.Sort(chains)
	forward := []string{
		"type filter hook forward priority filter; policy accept",
		"ip daddr " + services.String() + " reject",
		"ct state established,related accept",
	}
	if len(self) > 0 { // a pod cannot be kept from itself, also not through a Service
		forward = append(forward, "ip saddr . ip daddr "+set(self)+" accept")
	}
	if len(egress) > 0 {
		forward = append(forward, "ip saddr vmap "+set(egress))
	}
	if len(ingress) > 0 {
		forward = append(forward, "ip daddr vmap "+set(ingress))
	}
	leave := []string{
		"type nat hook postrouting priority srcnat; policy accept",
		"ip saddr != " + own.String() + " return",
		"ip daddr " + set(s.podCIDRs()) + " return",
		"fib daddr type local return",
		"masquerade fully-random",
	}
	return "table ip pod-network {}\ndelete table ip pod-network\ntable ip pod-network {\n" +
		strings.Join(chains, "") + chain("forward", forward) + chain("leave", leave) + "}\n"
}

func chain(name string, rules []string) string {
	return "  chain " + name + " {\n    " + strings.Join(rules, "\n    ") + "\n  }\n"
}

func set(elements []string) string {
	slices.Sort(elements)
	return "{ " + strings.Join(slices.Compact(elements), ", ") + " }"
}

func (s *snapshot) podCIDRs() []string {
	var networks []string
	for _, node := range s.nodes {
		if node.Spec.PodCIDR != "" {
			networks = append(networks, node.Spec.PodCIDR)
		}
	}
	return networks
}

// livePods maps address to pod. Host-network pods have no address of their own; that of a finished pod may already
// belong to another, and where two claim one the newer has it.
func (s *snapshot) livePods() map[string]*corev1.Pod {
	pods := map[string]*corev1.Pod{}
	for _, pod := range s.pods {
		finished := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
		if ip, err := netip.ParseAddr(pod.Status.PodIP); err != nil || !ip.Is4() || pod.Spec.HostNetwork || finished {
			continue
		}
		holder := pods[pod.Status.PodIP]
		if holder == nil || holder.CreationTimestamp.Before(&pod.CreationTimestamp) {
			pods[pod.Status.PodIP] = pod
		}
	}
	return pods
}

// rules is the content of a pod's chain in one direction; nil when no policy isolates it there. Policies add up.
func (s *snapshot) rules(pod *corev1.Pod, direction networkingv1.PolicyType) []string {
	var allow []string
	isolated := false
	for _, policy := range s.policies {
		spec := &policy.Spec
		if policy.Namespace != pod.Namespace || !slices.Contains(spec.PolicyTypes, direction) ||
			!matches(&spec.PodSelector, pod.Labels) {
			continue
		}
		isolated = true
		if direction == networkingv1.PolicyTypeIngress {
			for _, rule := range spec.Ingress {
				allow = append(allow, s.allow(policy.Namespace, "ip saddr", rule.From, rule.Ports)...)
			}
		} else {
			for _, rule := range spec.Egress {
				allow = append(allow, s.allow(policy.Namespace, "ip daddr", rule.To, rule.Ports)...)
			}
		}
	}
	if !isolated {
		return nil
	}
	slices.Sort(allow)
	return append(slices.Compact(allow), "counter drop")
}

// allow is one rule of a policy: any of the peers on any of the ports; none given means all.
func (s *snapshot) allow(
	namespace, side string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort,
) []string {
	var rules []string
	for _, peer := range s.peerMatches(namespace, side, peers) {
		for _, port := range s.portMatches(ports) {
			rules = append(rules, strings.Join(slices.DeleteFunc([]string{peer, port, "return"}, isEmpty), " "))
		}
	}
	return rules
}

func isEmpty(part string) bool { return part == "" }

func (s *snapshot) peerMatches(namespace, side string, peers []networkingv1.NetworkPolicyPeer) []string {
	if len(peers) == 0 {
		return []string{""}
	}
	var found, addresses []string
	for _, peer := range peers {
		if peer.IPBlock != nil {
			found = append(found, blockMatch(side, peer.IPBlock)...)
			continue
		}
		for ip, pod := range s.live {
			if s.isPeer(namespace, &peer, pod) {
				addresses = append(addresses, ip)
			}
		}
	}
	if len(addresses) > 0 {
		found = append(found, side+" "+set(addresses))
	}
	return found
}

func (s *snapshot) isPeer(namespace string, peer *networkingv1.NetworkPolicyPeer, pod *corev1.Pod) bool {
	if peer.NamespaceSelector == nil && pod.Namespace != namespace {
		return false
	}
	if peer.NamespaceSelector != nil && !matches(peer.NamespaceSelector, s.namespaces[pod.Namespace]) {
		return false
	}
	return peer.PodSelector == nil || matches(peer.PodSelector, pod.Labels)
}

// blockMatch is empty for an IPv6 block: this network carries IPv4 only.
func blockMatch(side string, block *networkingv1.IPBlock) []string {
	network, err := netip.ParsePrefix(block.CIDR)
	if err != nil || !network.Addr().Is4() {
		return nil
	}
	match := side + " " + network.Masked().String()
	for _, except := range block.Except {
		if hole, err := netip.ParsePrefix(except); err == nil {
			match += " " + side + " != " + hole.Masked().String()
		}
	}
	return []string{match}
}

func (s *snapshot) portMatches(ports []networkingv1.NetworkPolicyPort) []string {
	if len(ports) == 0 {
		return []string{""}
	}
	var found []string
	for _, port := range ports {
		protocol := corev1.ProtocolTCP
		if port.Protocol != nil {
			protocol = *port.Protocol
		}
		name := strings.ToLower(string(protocol))
		switch {
		case port.Port == nil:
			found = append(found, "meta l4proto "+name)
		case port.Port.Type == intstr.String:
			if targets := s.namedPorts(protocol, port.Port.StrVal); len(targets) > 0 {
				found = append(found, fmt.Sprintf("ip daddr . %s dport %s", name, set(targets)))
			}
		case port.EndPort != nil:
			found = append(found, fmt.Sprintf("%s dport %d-%d", name, port.Port.IntVal, *port.EndPort))
		default:
			found = append(found, fmt.Sprintf("%s dport %d", name, port.Port.IntVal))
		}
	}
	return found
}

// namedPorts lists "address . port" of every pod that has a port of that name: the number is the receiving pod's to
// choose, in both directions.
func (s *snapshot) namedPorts(protocol corev1.Protocol, name string) []string {
	var targets []string
	for ip, pod := range s.live {
		for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			for _, port := range container.Ports {
				if port.Name == name && port.Protocol == protocol {
					targets = append(targets, fmt.Sprintf("%s . %d", ip, port.ContainerPort))
				}
			}
		}
	}
	return targets
}

// matches is false for a selector that cannot be parsed; the API server stores none.
func matches(selector *metav1.LabelSelector, candidate map[string]string) bool {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && parsed.Matches(labels.Set(candidate))
}
