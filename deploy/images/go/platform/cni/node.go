package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

const (
	conflistPath = "/etc/cni/net.d/10-pod-network.conflist"
	// routeProtocol marks the routes that are ours to remove (see ip-route(8), "proto"); the number is free.
	routeProtocol = 98
)

// node is this node's side of the pod network.
type node struct {
	name     string
	services netip.Prefix // the network of the Services' addresses
	applied  string       // the ruleset last given to the kernel
}

// sync brings the node in line. The CNI configuration is last: while it is missing the kubelet starts no pod, so a pod
// never runs on a node that does not route and isolate yet.
func (n *node) sync(ctx context.Context, s *snapshot) error {
	own, err := s.podCIDR()
	if err != nil {
		return err
	}
	if rules := s.ruleset(own, n.services); rules != n.applied {
		if err := applyRuleset(ctx, rules); err != nil {
			return err
		}
		n.applied = rules
	}
	return errors.Join(syncRoutes(s.peerGateways()), writeConflist(conflistPath, own))
}

func applyRuleset(ctx context.Context, rules string, wrapper ...string) error {
	argv := append(wrapper, "nft", "-f", "-")
	command := exec.CommandContext(ctx, argv[0], argv[1:]...)
	command.Stdin = strings.NewReader(rules)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("nft refused the ruleset: %w: %s", err, output)
	}
	return nil
}

// podCIDR is the network of this node's pods; the controller manager assigns it shortly after the node registers.
func (s *snapshot) podCIDR() (netip.Prefix, error) {
	for _, node := range s.nodes {
		if node.Name == s.self && node.Spec.PodCIDR != "" {
			return netip.ParsePrefix(node.Spec.PodCIDR)
		}
	}
	return netip.Prefix{}, fmt.Errorf("node %s has no pod network yet", s.self)
}

// peerGateways maps the pod network of every other node to that node's address.
func (s *snapshot) peerGateways() map[string]string {
	gateways := map[string]string{}
	for _, node := range s.nodes {
		if node.Name == s.self || node.Spec.PodCIDR == "" {
			continue
		}
		for _, address := range node.Status.Addresses {
			if address.Type == corev1.NodeInternalIP {
				gateways[node.Spec.PodCIDR] = address.Address
				break
			}
		}
	}
	return gateways
}

// syncRoutes makes the routes of our protocol equal to want (destination to gateway).
func syncRoutes(want map[string]string) error {
	filter := &netlink.Route{Protocol: routeProtocol, Table: unix.RT_TABLE_MAIN}
	have, err := netlink.RouteListFiltered(netlink.FAMILY_V4, filter, netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
	if err != nil {
		return fmt.Errorf("cannot list routes: %w", err)
	}
	var failures []error
	current := map[string]string{}
	for _, route := range have {
		destination := route.Dst.String()
		if _, wanted := want[destination]; wanted {
			current[destination] = route.Gw.String()
		} else if err := netlink.RouteDel(&route); err != nil {
			failures = append(failures, fmt.Errorf("cannot remove route %s: %w", destination, err))
		}
	}
	for destination, gateway := range want {
		if current[destination] == gateway {
			continue
		}
		_, network, err := net.ParseCIDR(destination)
		if err == nil {
			route := &netlink.Route{Dst: network, Gw: net.ParseIP(gateway), Protocol: routeProtocol}
			err = netlink.RouteReplace(route)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("cannot route %s via %s: %w", destination, gateway, err))
		}
	}
	return errors.Join(failures...)
}

// writeConflist writes the CNI configuration whole or not at all, and only when it differs: containerd watches it.
func writeConflist(path string, own netip.Prefix) error {
	type object = map[string]any
	content, err := json.MarshalIndent(object{
		"cniVersion": "1.0.0",
		"name":       "pod-network",
		"plugins": []object{
			{
				"type": "ptp", "ipMasq": false, "mtu": 1500,
				"ipam": object{
					"type":    "host-local",
					"dataDir": "/run/cni-ipam-state", // emptied when the node restarts, like the pods it counts
					"ranges":  [][]object{{{"subnet": own.String()}}},
					"routes":  []object{{"dst": "0.0.0.0/0"}},
				},
			},
			{"type": "portmap", "capabilities": object{"portMappings": true}},
		},
	}, "", "  ")
	if err != nil {
		return err
	}
	if present, err := os.ReadFile(path); err == nil && bytes.Equal(present, content) {
		return nil
	}
	temporary := filepath.Join(filepath.Dir(path), ".pod-network.tmp")
	if err := os.WriteFile(temporary, content, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
