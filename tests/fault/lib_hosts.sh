# lib_hosts.sh: the hosts h1, h2, h3 on one machine: network namespaces with names and addresses of
# their own, joined by a switch in user space (switch.py), which can be late, lossy and slow; nothing
# outside changes. Their ranks talk over TCP alone. A script sources it and calls hosts_up.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib_program.sh" || exit 1
lab=$scratch/lab
spaces=trn$$ # what their names start with
trap hosts_down EXIT

hosts_up() {
    local i
    [ "$(id -u)" -eq 0 ] || skip "network namespaces need root"
    command -v ip >/dev/null || skip "ip is not installed"
    [ -c /dev/net/tun ] || skip "this system has no /dev/net/tun"
    ip netns add "$spaces-h1" 2>/dev/null || skip "this system makes no network namespaces"
    ip netns add "$spaces-h2"
    ip netns add "$spaces-h3"
    mkdir "$lab"
    echo "0 0 0" >"$lab/control"
    /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/switch.py" "$lab/control" $spaces-p{1,2,3} \
        >"$lab/switch" &
    switch=$!
    for _ in $(seq 100); do
        grep -qs ready "$lab/switch" && break
        sleep 0.1
    done
    echo "127.0.0.1 localhost" >"$lab/hosts"
    for i in 1 2 3; do
        ip link set "$spaces-p$i" netns "$spaces-h$i" name eth0
        ip -n "$spaces-h$i" link set lo up
        ip -n "$spaces-h$i" address add "10.99.0.$i/24" dev eth0
        ip -n "$spaces-h$i" link set eth0 up
        echo "10.99.0.$i h$i" >>"$lab/hosts"
        echo "h$i slots=8" >>"$lab/hostfile"
    done
    # What mpirun takes for ssh: HOST COMMAND... Mounts made here are seen by this command alone.
    cat >"$lab/ssh" <<END
#!/bin/bash
while [[ \$1 = -* ]]; do shift; done
host=\$1
shift
exec ip netns exec "$spaces-\$host" unshare --uts bash -c '
    hostname "\$1"
    mount --bind "$lab/hosts" /etc/hosts
    if [ -e "$lab/apart.\$1" ]; then mount -t tmpfs apart "\$(cat "$lab/apart.\$1")"; fi
    shift
    eval "\$*"' bash "\$host" "\$@"
END
    chmod +x "$lab/ssh"
    # Nothing but TCP, as between machines.
    export OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=eth0 OMPI_MCA_oob_tcp_if_include=eth0
    export OMPI_MCA_plm=rsh OMPI_MCA_plm_rsh_agent=$lab/ssh OMPI_MCA_plm_rsh_no_tree_spawn=1
    export OMPI_MCA_oob_tcp_keepalive_time=5 OMPI_MCA_oob_tcp_keepalive_intvl=2
    export OMPI_MCA_oob_tcp_keepalive_probes=3
}

hosts_down() {
    local space process
    for space in h1 h2 h3; do
        for process in $(ip netns pids "$spaces-$space" 2>/dev/null); do
            kill -KILL "$process" 2>/dev/null
        done
    done
    [ -z "${switch:-}" ] || kill "$switch"
    for space in h1 h2 h3; do ip netns delete "$spaces-$space" 2>/dev/null; done
    rm -rf "$scratch"
}

# Run the program on N ranks, dealt to the hosts in turn; mpirun is on h1.
on_hosts() { # N ARGUMENT...
    "$lab/ssh" h1 exec timeout -k 5 "$(seconds)" mpirun --hostfile "$lab/hostfile" --map-by node \
        --bind-to none -n "$1" "$TRUNNION" "${*:2}"
}

cut() { ip -n "$spaces-$1" link set eth0 down; } # HOST: its packets vanish
heal() { ip -n "$spaces-$1" link set eth0 up; }  # HOST
apart() { echo "$2" >"$lab/apart.$1"; }          # HOST DIRECTORY: empty, and not the others'

# What is sent comes MS milliseconds late, the share LOSS of frames is lost, a host sends MBIT/s (0:
# any number).
impair() { # MS LOSS MBIT
    echo "$*" >"$lab/control"
    kill -HUP "$switch"
}
