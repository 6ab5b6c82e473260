# Runs inside the node's root, in mount and process namespaces of its own: turns a Debian with systemd and containerd
# into what kind expects of a node image. Arguments: the digests of the preloaded images' layers.
set -eu
mount -t tmpfs tmpfs /run

# systemd starts what kind asks for and nothing else: no udev, no login, nothing that sets up hardware.
wants=/lib/systemd/system
find "$wants/sysinit.target.wants" -name systemd-tmpfiles-setup.service -delete
rm -f "$wants"/multi-user.target.wants/* "$wants"/local-fs.target.wants/* "$wants"/basic.target.wants/*
rm -f "$wants"/sockets.target.wants/*udev* "$wants"/sockets.target.wants/*initctl*
rm -f /etc/systemd/system/*.wants/*
echo 'ReadKMsg=no' >>/etc/systemd/journald.conf
ln -sfn /usr/lib/systemd/systemd /sbin/init
# kind brings its own unit for containerd, which looks for it in /usr/local/bin.
rm -f "$wants/containerd.service"
ln -sf /usr/bin/containerd /usr/bin/ctr /usr/bin/containerd-shim-runc-v2 /usr/local/bin/
systemctl --quiet enable kubelet.service containerd.service undo-mount-hacks.service
systemctl --quiet mask systemd-binfmt.service

mkdir -p /opt/cni/bin /etc/kubernetes/manifests
for plugin in host-local loopback ptp portmap; do ln -f "/usr/lib/cni/$plugin" /opt/cni/bin/; done
rm -rf /usr/lib/cni

# Containers on the node are made from this specification: the hook shows each its own product_uuid.
ctr oci spec | jq '.hooks.createContainer += [{path: "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
  >/etc/containerd/cri-base.json

# The node's own containerd unpacks the images, so that its database is of its own version.
cat >/run/containerd.toml <<'C'
version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
C
containerd --config /run/containerd.toml --log-level warn &
containerd=$!
tries=0
until ctr version >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ "$tries" -gt 200 ]; then echo 'containerd does not come up' >&2; exit 1; fi
  sleep 0.05
done
ctr --namespace k8s.io images import /images.tar >/dev/null
rm /images.tar
# What is unpacked is not needed packed as well. kind's containerd is set to do the same (discard_unpacked_layers).
ctr --namespace k8s.io content rm "$@" >/dev/null
# Content goes from the disk when containerd collects garbage; the end of a lease makes it do so now.
ctr --namespace k8s.io leases create --id collect >/dev/null
ctr --namespace k8s.io leases delete --sync collect >/dev/null
ctr --namespace k8s.io images ls --quiet
kill "$containerd"
wait "$containerd" || true

# kind gives each node a volume for /var, and Docker fills it with a copy of the image's. What the images unpacked to
# need not be copied: it stays where all nodes read it from the image, and the volume holds links to it.
mkdir /kind/snapshots
for snapshot in /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/*; do
  name=$(basename "$snapshot")
  mv "$snapshot/fs" "/kind/snapshots/$name"
  ln -s "/kind/snapshots/$name" "$snapshot/fs"
done

rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*.log /var/log/apt
