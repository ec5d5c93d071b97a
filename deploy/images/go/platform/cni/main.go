// Command cni is the pod network of one kind node. From watches of the cluster it keeps four things as they should be:
// the CNI configuration that containerd reads, one route per peer node, the masquerading of traffic that leaves the pod
// network, and the isolation that NetworkPolicy asks for. All of it stays in the kernel when the process ends, and what
// somebody else removes is put back.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	retryAfter = time.Second
	// Nothing tells us that another program flushed our tables, so they are written again this often.
	healEvery = 15 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Getenv("NODE_NAME"), os.Getenv("SERVICE_SUBNET")); err != nil {
		slog.Error("the pod network stops", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, nodeName, serviceSubnet string) error {
	if nodeName == "" {
		return errors.New("NODE_NAME is not set: take it from spec.nodeName")
	}
	services, err := netip.ParsePrefix(serviceSubnet)
	if err != nil {
		return fmt.Errorf("SERVICE_SUBNET must be the cluster's serviceSubnet: %w", err)
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := waitForAPI(ctx, client); err != nil {
		return err
	}
	changed := make(chan struct{}, 1)
	watched, err := watchCluster(ctx, client, nudge(changed))
	if err != nil {
		return err
	}
	routeChanges := make(chan netlink.RouteUpdate, 64)
	if err := netlink.RouteSubscribe(routeChanges, ctx.Done()); err != nil {
		return err
	}
	return keep(ctx, &node{name: nodeName, services: services}, watched, changed, routeChanges)
}

// keep brings the node in line after every change, until the context ends.
func keep(
	ctx context.Context, n *node, watched *cluster, changed <-chan struct{}, routeChanges <-chan netlink.RouteUpdate,
) error {
	heal := time.NewTicker(healEvery)
	defer heal.Stop()
	retry := time.NewTimer(0) // the first round is now
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-retry.C:
		case <-changed:
		case _, open := <-routeChanges:
			if !open {
				return errors.New("the kernel ended the route subscription")
			}
		case <-heal.C:
			n.applied = ""
		}
		if err := n.sync(ctx, watched.snapshot(n.name)); err != nil {
			slog.Warn("the node is not in line yet", "retry", retryAfter, "error", err)
			retry.Reset(retryAfter)
		}
	}
}

// waitForAPI returns once the API server answers. kube-proxy starts at the same time as we do, and a connection that was
// begun before its rules exist never arrives: hence short attempts here instead of the slow back-off of an informer.
func waitForAPI(ctx context.Context, client kubernetes.Interface) error {
	return wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil, nil
	})
}

// nudge returns a function that asks for one more round and never blocks: rounds asked for meanwhile are one.
func nudge(changed chan<- struct{}) func() {
	return func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
}
