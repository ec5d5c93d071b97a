package main

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"
)

// cluster is the watched part of the API.
type cluster struct {
	nodes      corelisters.NodeLister
	pods       corelisters.PodLister
	namespaces corelisters.NamespaceLister
	policies   networkinglisters.NetworkPolicyLister
}

// snapshot is all that the state of one node depends on, at one moment.
type snapshot struct {
	self       string
	nodes      []*corev1.Node
	pods       []*corev1.Pod
	namespaces map[string]labels.Set
	policies   []*networkingv1.NetworkPolicy
	live       map[string]*corev1.Pod // by address, see livePods
}

// watchCluster starts the watches and returns when all have been filled once: a ruleset made from a half-filled cache
// would open pods that are isolated.
func watchCluster(ctx context.Context, client kubernetes.Interface, changed func()) (*cluster, error) {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(slim))
	core, networking := factory.Core().V1(), factory.Networking().V1()
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(any, any) { changed() },
		DeleteFunc: func(any) { changed() },
	}
	for _, informer := range []cache.SharedIndexInformer{
		core.Nodes().Informer(), core.Pods().Informer(), core.Namespaces().Informer(),
		networking.NetworkPolicies().Informer(),
	} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return nil, err
		}
	}
	factory.Start(ctx.Done())
	for _, filled := range factory.WaitForCacheSync(ctx.Done()) {
		if !filled {
			return nil, errors.New("stopped before the watches were filled")
		}
	}
	return &cluster{
		nodes: core.Nodes().Lister(), pods: core.Pods().Lister(), namespaces: core.Namespaces().Lister(),
		policies: networking.NetworkPolicies().Lister(),
	}, nil
}

// slim drops the bulk of an object that nothing here reads.
func slim(object any) (any, error) {
	if accessor, err := meta.Accessor(object); err == nil {
		accessor.SetManagedFields(nil)
		accessor.SetAnnotations(nil)
	}
	return object, nil
}

// snapshot reads the caches; a lister's List fails only on a selector, and Everything is none.
func (c *cluster) snapshot(self string) *snapshot {
	s := &snapshot{self: self, namespaces: map[string]labels.Set{}}
	s.nodes, _ = c.nodes.List(labels.Everything())
	s.pods, _ = c.pods.List(labels.Everything())
	s.policies, _ = c.policies.List(labels.Everything())
	namespaces, _ := c.namespaces.List(labels.Everything())
	for _, namespace := range namespaces {
		s.namespaces[namespace.Name] = namespace.Labels
	}
	return s
}
