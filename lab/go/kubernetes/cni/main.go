// Command cni gives the pods of a kind cluster their network, where kind's own daemon cannot be pulled: on each node
// it writes the CNI configuration for the node's pod range, keeps one route per other node, and masquerades what
// leaves the pod network. The nodes share a layer 2 network, so nothing is tunnelled.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// resync repairs routes that somebody else removed; changes of nodes arrive at once.
const resync = time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := serve(ctx, os.Getenv("NODE_NAME"), os.Getenv("POD_SUBNET"), os.Getenv("CONTROL_PLANE_ENDPOINT")); err != nil {
		slog.Error("stopped", "error", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, nodeName, podSubnet, apiServer string) error {
	if nodeName == "" || podSubnet == "" {
		return fmt.Errorf("NODE_NAME and POD_SUBNET must be set")
	}
	if err := masquerade(ctx, podSubnet); err != nil {
		return err
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	// The service address of the API server needs kube-proxy, which may come up later than this.
	if apiServer != "" {
		config.Host = "https://" + apiServer
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, resync)
	apply := func(object any) {
		node, ok := object.(*corev1.Node)
		if !ok {
			return
		}
		if err := applyNode(node, nodeName); err != nil {
			slog.Error("node not applied", "node", node.Name, "error", err)
		}
	}
	_, err = factory.Core().V1().Nodes().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    apply,
		UpdateFunc: func(_, after any) { apply(after) },
		DeleteFunc: func(object any) {
			if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = gone.Obj
			}
			if node, ok := object.(*corev1.Node); ok {
				removeRoute(node)
			}
		},
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	<-ctx.Done()
	factory.Shutdown()
	return nil
}

func applyNode(node *corev1.Node, self string) error {
	if node.Spec.PodCIDR == "" {
		return nil
	}
	if node.Name == self {
		return writeConfiguration(node.Spec.PodCIDR)
	}
	return replaceRoute(node)
}
