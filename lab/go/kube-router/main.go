// Command kube-router is the network policy controller of kube-router and nothing else: its router and its service proxy
// are not linked, so none of their ports and settings exist. It takes kube-router's own flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	"github.com/spf13/pflag"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	config, err := configuration(os.Args[1:])
	if errors.Is(err, pflag.ErrHelp) {
		return
	}
	if err == nil {
		err = serve(ctx, config)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func configuration(args []string) (*options.KubeRouterConfig, error) {
	config := options.NewKubeRouterConfig()
	flags := pflag.NewFlagSet("kube-router", pflag.ContinueOnError)
	config.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if config.HelpRequested {
		flags.Usage()
		return nil, pflag.ErrHelp
	}
	if !config.RunFirewall || config.RunRouter || config.RunServiceProxy || config.RunLoadBalancer {
		return nil, errors.New("this kube-router enforces network policies only: --run-firewall=true " +
			"--run-router=false --run-service-proxy=false --run-loadbalancer=false")
	}
	logging := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(logging)
	return config, logging.Set("v", config.VLevel)
}

// serve returns nil once ctx is done. The rules stay, so closed ports are closed while no controller runs.
func serve(ctx context.Context, config *options.KubeRouterConfig) error {
	access, err := accessTo(config.Master, config.Kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(access)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	factory.Start(ctx.Done())
	synced, cancel := context.WithTimeout(ctx, config.CacheSyncTimeout)
	defer cancel()
	for kind, ok := range factory.WaitForCacheSync(synced.Done()) {
		if !ok {
			return fmt.Errorf("no list of %s within %s", kind, config.CacheSyncTimeout)
		}
	}
	controller, err := newController(client, config, pods, policies, namespaces)
	if err != nil {
		return err
	}
	health, err := healthcheck.NewHealthController(config)
	if err != nil {
		return err
	}
	health.SetAlive()
	beats := make(chan *healthcheck.ControllerHeartbeat, 10)
	var running sync.WaitGroup
	running.Add(3)
	go health.RunCheck(beats, ctx.Done(), &running)
	go controller.Run(beats, ctx.Done(), &running)
	// Last: a pod that is ready enforces the policies of its node.
	go health.RunServer(ctx.Done(), &running)
	<-ctx.Done()
	running.Wait()
	return nil
}

// accessTo is by the pod's service account unless the flags name another way.
func accessTo(master, kubeconfig string) (*rest.Config, error) {
	if master == "" && kubeconfig == "" {
		return rest.InClusterConfig()
	}
	return clientcmd.BuildConfigFromFlags(master, kubeconfig)
}

func newController(client kubernetes.Interface, config *options.KubeRouterConfig,
	pods, policies, namespaces cache.SharedIndexInformer) (*netpol.NetworkPolicyController, error) {
	iptables, sets, err := netpol.NewIPTablesHandlers(config)
	if err != nil {
		return nil, err
	}
	controller, err := netpol.NewNetworkPolicyController(
		client, config, pods, policies, namespaces, &sync.Mutex{}, iptables, sets)
	if err != nil {
		return nil, err
	}
	_, podErr := pods.AddEventHandler(controller.PodEventHandler)
	_, namespaceErr := namespaces.AddEventHandler(controller.NamespaceEventHandler)
	_, policyErr := policies.AddEventHandler(controller.NetworkPolicyEventHandler)
	return controller, errors.Join(podErr, namespaceErr, policyErr)
}
