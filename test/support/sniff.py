# Writes down what passes on every interface of this network namespace until its input ends: one line for each frame that
# holds the marker (argument 1), `SOURCE:PORT DESTINATION:PORT`, and in the end the number of frames to each port as JSON.
import json, select, socket, sys, struct
marker = sys.argv[1].encode()
sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
print('listening', flush=True)
seen, ports = set(), {}
while True:
    ready, _, _ = select.select([sniffer, sys.stdin], [], [])
    if sys.stdin in ready and sys.stdin.read(1) == '':
        break
    if sniffer not in ready:
        continue
    frame = sniffer.recv(65535)
    if frame[12:14] != b'\x08\x00' or frame[23] != 6:
        continue
    start = 14 + (frame[14] & 15) * 4
    source, destination = struct.unpack('!HH', frame[start:start + 4])
    ports[destination] = ports.get(destination, 0) + 1
    if marker in frame:
        seen.add('%s:%d %s:%d' % (socket.inet_ntoa(frame[26:30]), source, socket.inet_ntoa(frame[30:34]), destination))
print(json.dumps({'seen': sorted(seen), 'ports': ports}))
