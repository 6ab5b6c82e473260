package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strings"

	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
)

// replaceRoute sends a node's pod range to that node's address.
func replaceRoute(node *corev1.Node) error {
	route, err := routeTo(node)
	if err != nil {
		return err
	}
	return netlink.RouteReplace(route)
}

func removeRoute(node *corev1.Node) {
	route, err := routeTo(node)
	if err == nil {
		err = netlink.RouteDel(route)
	}
	if err != nil {
		slog.Warn("route not removed", "node", node.Name, "error", err)
	}
}

func routeTo(node *corev1.Node) (*netlink.Route, error) {
	_, podRange, err := net.ParseCIDR(node.Spec.PodCIDR)
	if err != nil {
		return nil, err
	}
	for _, address := range node.Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			return &netlink.Route{Dst: podRange, Gw: net.ParseIP(address.Address)}, nil
		}
	}
	return nil, fmt.Errorf("node %s has no internal address yet", node.Name)
}

// masquerade lets pods reach what has no route back to them. Pod to pod keeps its source address.
func masquerade(ctx context.Context, podSubnet string) error {
	rule := []string{"POSTROUTING", "--source", podSubnet, "!", "--destination", podSubnet,
		"--match", "comment", "--comment", "landbridge: pods to the outside", "--jump", "MASQUERADE"}
	if iptables(ctx, append([]string{"--check"}, rule...)) == nil {
		return nil
	}
	return iptables(ctx, append([]string{"--append"}, rule...))
}

func iptables(ctx context.Context, args []string) error {
	command := exec.CommandContext(ctx, "iptables", append([]string{"--wait", "--table", "nat"}, args...)...)
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(command.Args, " "), err, said)
	}
	return nil
}
