"""A network switch in user space, for kernels without netem: late, lossy and slow as it is told.

switch.py CONTROL INTERFACE...: makes the tap interfaces (which may then be moved to other network
namespaces), and passes frames between them. CONTROL holds one line "DELAY_MS LOSS MBIT": what a frame
is late by, the share of frames that get lost, and what an interface may send (0: no bound). It is read
again on SIGHUP. Says "ready" when the interfaces are there.
"""

import fcntl
import heapq
import os
import random
import select
import signal
import struct
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
control, names = sys.argv[1], sys.argv[2:]
delay = loss = rate = 0.0


def read_control(*_):
    global delay, loss, rate
    with open(control) as file:
        milliseconds, loss, megabits = map(float, file.read().split())
    delay, rate = milliseconds / 1e3, megabits * 1e6 / 8


def make(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH14x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


def frames(fd):
    try:
        while True:
            yield os.read(fd, 70000)
    except OSError:  # no more at present, or the interface is down
        return


def deliver(fd, frame):
    try:
        os.write(fd, frame)
    except OSError:  # down, or its queue is full: lost, as on any network
        pass


read_control()
signal.signal(signal.SIGHUP, read_control)
random.seed(1)
ports = [make(name) for name in names]
free = dict.fromkeys(ports, 0.0)  # when the interface may send again
home = {}  # address -> port
queue, count = [], 0
print("ready", flush=True)
while True:
    now = time.monotonic()
    while queue and queue[0][0] <= now:
        deliver(*heapq.heappop(queue)[2:])
    wait = max(0, queue[0][0] - now) if queue else 1
    for port in select.select(ports, [], [], wait)[0]:
        now = time.monotonic()
        for frame in frames(port):
            to, sender = frame[:6], frame[6:12]
            home[sender] = port
            if random.random() < loss:
                continue
            if rate:
                free[port] = max(now, free[port]) + len(frame) / rate
            due = max(now, free[port]) + delay
            for other in [home[to]] if to in home else [p for p in ports if p != port]:
                count += 1
                heapq.heappush(queue, (due, count, other, frame))
