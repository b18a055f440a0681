"""What a healthy RHEL 9 worker says to every probe, and bundles that differ from it where a test breaks something."""

# ruff: noqa: E501 - output of commands stands as it is printed
from __future__ import annotations

from engine.hosts.bundle import Bundle, Reply

NOW = "2026-11-27T10:00:00+0000"

_DF = """Filesystem                 Type 1024-blocks      Used Available Capacity Mounted on
/dev/mapper/rhel-root      xfs     73364480  18341120  55023360      25% /
/dev/sda2                  xfs      1038336    512000    526336      50% /boot
/dev/sda1                  vfat      613184      7200    605984       2% /boot/efi
/dev/mapper/rhel-containers xfs   104806400  52403200  52403200      50% /var/lib/containerd"""
_DFI = """Filesystem                 Type   Inodes   IUsed    IFree IUse% Mounted on
/dev/mapper/rhel-root      xfs  36700160  412314 36287846    2% /
/dev/sda2                  xfs    524288     360   523928    1% /boot
/dev/sda1                  vfat        0       0        0     - /boot/efi
/dev/mapper/rhel-containers xfs 52428800  912344 51516456    2% /var/lib/containerd"""
_MOUNTS = """/dev/mapper/rhel-root / xfs rw,seclabel,relatime,attr2,inode64,logbufs=8,logbsize=32k,noquota 0 0
devtmpfs /dev devtmpfs rw,seclabel,nosuid,size=4096k,nr_inodes=1998340,mode=755,inode64 0 0
cgroup2 /sys/fs/cgroup cgroup2 rw,seclabel,nosuid,nodev,noexec,relatime,nsdelegate,memory_recursiveprot 0 0
/dev/sda2 /boot xfs rw,seclabel,relatime 0 0
/dev/sda1 /boot/efi vfat rw,relatime 0 0
/dev/mapper/rhel-containers /var/lib/containerd xfs rw,seclabel,relatime 0 0
/dev/mapper/rhel-root /var/lib/kubelet/pods/1b/volume-subpaths/conf/app/0 xfs ro,seclabel,relatime 0 0
/dev/sr0 /run/media/cd iso9660 ro,relatime 0 0
overlay /run/containerd/io.containerd.runtime.v2.task/k8s.io/ab/rootfs overlay rw,relatime 0 0"""


def unit(name: str, active: str = "active", sub: str = "running", **more: str) -> str:
    """A block of `systemctl show`."""
    values = {
        "Id": name,
        "LoadState": "loaded",
        "ActiveState": active,
        "SubState": sub,
        "Result": "success",
        "ExecMainStatus": "0",
        "NRestarts": "0",
        "UnitFileState": "enabled",
        "ActiveEnterTimestamp": "Mon 2026-11-02 08:12:31 UTC",
        **more,
    }
    return "\n".join(f"{key}={value}" for key, value in values.items())


def absent(name: str) -> str:
    """The block of a unit that is not installed."""
    return unit(name, "inactive", "dead", LoadState="not-found", UnitFileState="", ActiveEnterTimestamp="")


def services(**blocks: str) -> str:
    """The services of a worker; `kubelet=…` replaces a block."""
    usual = {
        "kubelet": unit("kubelet.service"),
        "containerd": unit("containerd.service"),
        "crio": absent("crio.service"),
        "docker": absent("docker.service"),
        "k3s": absent("k3s.service"),
        "chronyd": unit("chronyd.service"),
        "firewalld": unit("firewalld.service"),
    }
    return "\n\n".join({**usual, **blocks}.values())


CHRONY = """Reference ID    : 0A00000A (10.0.0.10)
Stratum         : 3
Ref time (UTC)  : Fri Nov 27 09:58:31 2026
System time     : 0.000012394 seconds slow of NTP time
Last offset     : -0.000004331 seconds
RMS offset      : 0.000021871 seconds
Leap status     : Normal"""
ZONES = """block
  target: %%REJECT%%
  icmp-block-inversion: no
  interfaces:
  sources:
  services:
  ports:
  rich rules:

public (active)
  target: default
  icmp-block-inversion: no
  interfaces: ens192
  sources:
  services: cockpit dhcpv6-client ssh
  ports: 10250/tcp 30000-32767/tcp 8472/udp
  protocols:
  forward: yes
  masquerade: no
  rich rules:

trusted (active)
  target: ACCEPT
  interfaces: cni0 flannel.1
  sources:
  services:
  ports:
  rich rules: """
HEALTHY: dict[str, str] = {
    "clock": NOW,
    "os": 'NAME="Red Hat Enterprise Linux"\nVERSION="9.4 (Plow)"\nID="rhel"\nVERSION_ID="9.4"',
    "uptime": "2162889.23 8441233.12",
    "load": "0.62 0.58 0.55 2/1234 918273",
    "cpus": "8",
    "vmstat": "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----\n r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st\n 1  0      0 812344   2104 9123344    0    0    12    88  812 1620  6  3 91  0  0\n 0  0      0 811292   2104 9123360    0    0     0   120 2210 4100  7  3 90  0  0",
    "memory": "MemTotal:       16123456 kB\nMemFree:          812344 kB\nMemAvailable:    9412344 kB\nSwapTotal:             0 kB\nSwapFree:              0 kB",
    "swaps": "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority",
    "psi-cpu": "some avg10=1.20 avg60=1.10 avg300=0.90 total=91823\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0",
    "psi-memory": "some avg10=0.00 avg60=0.02 avg300=0.01 total=1823\nfull avg10=0.00 avg60=0.01 avg300=0.00 total=823",
    "psi-io": "some avg10=0.40 avg60=0.62 avg300=0.51 total=91231\nfull avg10=0.30 avg60=0.50 avg300=0.41 total=71231",
    "mounts": _MOUNTS,
    "disks": _DF,
    "inodes": _DFI,
    "failed": "",
    "services": services(),
    "journal-kubelet": '2026-11-27T09:58:02+0000 worker-1 kubelet[1201]: I1127 09:58:02.112 1201 pod_startup_latency_tracker.go:104] "Observed pod startup duration" pod="shop/web-1"\n2026-11-27T09:59:40+0000 worker-1 kubelet[1201]: E1127 09:59:40.003 1201 pod_workers.go:1301] "Error syncing pod, skipping" err="failed to \\"StartContainer\\" for \\"app\\" with CrashLoopBackOff"',
    "journal-runtime": '2026-11-27T09:59:01+0000 worker-1 containerd[1102]: time="2026-11-27T09:59:01Z" level=info msg="StartContainer for \\"0a1b\\" returns successfully"',
    "journal-errors": "2026-11-02T08:12:20+0000 worker-1 kernel: ACPI BIOS Error (bug): Could not resolve symbol [_SB.PCI0]\n2026-11-27T09:31:20+0000 worker-1 sshd[881]: error: kex_exchange_identification: Connection closed by remote host",
    "journal-kernel": "2026-11-02T08:12:21+0000 worker-1 kernel: Warning: Unmaintained driver is detected: nft_compat\n2026-11-02T08:12:25+0000 worker-1 kernel: GPT:Primary header thinks Alt. header is not at the end of the disk.",
    "dmesg": "[Mon Nov  2 08:12:21 2026] Warning: Unmaintained driver is detected: nft_compat",
    "processes": "Ssl  1201  3.1  0.9 kubelet\nSsl  1102  1.2  0.6 containerd\nSl   4211  0.9  4.1 java\nD       91  0.0  0.0 kworker/u16:3",
    "sysctl": "net.ipv4.ip_forward = 1\nnet.netfilter.nf_conntrack_count = 18231\nnet.netfilter.nf_conntrack_max = 262144\nkernel.pid_max = 4194304\nkernel.threads-max = 126142\nfs.file-nr = 9120\t0\t9223372036854775807\nfs.inotify.max_user_instances = 8192",
    "health": "ok",
    "chrony": CHRONY,
    "time": "Timezone=UTC\nLocalRTC=no\nCanNTP=yes\nNTP=yes\nNTPSynchronized=yes",
    "selinux": "Enforcing",
    "denials": "",
    "cert-kubelet": "subject=O = system:nodes, CN = system:node:worker-1\nnotAfter=Aug 12 07:11:09 2027 GMT",
    "cert-kubelet-server": "subject=O = system:nodes, CN = system:node:worker-1\nnotAfter=Aug 12 07:11:09 2027 GMT",
    "links": "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\\    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n2: ens192: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP mode DEFAULT group default qlen 1000\\    link/ether 00:50:56:aa:bb:cc brd ff:ff:ff:ff:ff:ff\n3: ens224: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc mq state DOWN mode DEFAULT group default qlen 1000\\    link/ether 00:50:56:aa:bb:cd brd ff:ff:ff:ff:ff:ff\n4: cni0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1450 qdisc noqueue state DOWN mode DEFAULT group default qlen 1000\\    link/ether ee:11:22:33:44:55 brd ff:ff:ff:ff:ff:ff",
    "addresses": "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n2: ens192    inet 10.0.0.21/24 brd 10.0.0.255 scope global noprefixroute ens192\\       valid_lft forever preferred_lft forever\n4: cni0    inet 10.244.1.1/24 brd 10.244.1.255 scope global cni0\\       valid_lft forever preferred_lft forever",
    "routes": "default via 10.0.0.1 dev ens192 proto static metric 100 ",
    "listening": "udp   UNCONN 0      0            0.0.0.0:8472       0.0.0.0:*          \nudp   UNCONN 0      0          127.0.0.1:323        0.0.0.0:*          \ntcp   LISTEN 0      4096       127.0.0.1:10248      0.0.0.0:*          \ntcp   LISTEN 0      128          0.0.0.0:22         0.0.0.0:*          \ntcp   LISTEN 0      4096               *:10250            *:*          ",
    "firewalld": ZONES,
    "iptables": "-P INPUT ACCEPT\n-A INPUT -j KUBE-FIREWALL\n-A INPUT -m conntrack --ctstate NEW -j KUBE-PROXY-FIREWALL",
}
ENDED = {
    "denials": Reply("<no matches>", 1),
    "nftables": Reply("Error: No such file or directory\nlist table inet filter\n                ^^^^^^", 1),
    **{
        f"cert-{name}": Reply("Could not open file or uri for loading certificate from x\nNo such file or directory", 1)
        for name in ("apiserver", "apiserver-kubelet", "front-proxy", "etcd", "ca")
    },
}


def bundle(*, node: bool = True, received_at: float = 0.0, problem: str = "", **changes: str | Reply) -> Bundle:
    """The healthy worker with some replies changed; `journal_kubelet=` is the probe `journal-kubelet`."""
    replies: dict[str, Reply] = {key: Reply(text) for key, text in HEALTHY.items()} | ENDED
    for name, change in changes.items():
        replies[name.replace("_", "-")] = change if isinstance(change, Reply) else Reply(change)
    return Bundle("worker-1", node=node, replies=replies, received_at=received_at, problem=problem, seconds=1.0)
