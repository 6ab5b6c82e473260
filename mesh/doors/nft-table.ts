/** Ours alone: nobody else's table is read or written. */
const TABLE = 'landbridge';

/**
 * A door is tried here by the agent, which may not read the rules: an address of the machine itself at which nothing else is
 * asked for. The rules answer with an error of their own at each port that they close, and the kernel with another.
 */
export const TRIAL_ADDRESS = '127.127.76.66';

/** How a connection is turned away. Kernels before 5.9 cannot reset before routing. */
export type Answer = 'reset' | 'drop';

const ANSWERS: Record<Answer, string> = { reset: 'reject with tcp reset', drop: 'drop' };

/** Takes the table away, whether it is there or not. */
export const NO_TABLE = `table inet ${TABLE}\ndelete table inet ${TABLE}\n`;

/**
 * The rules, for `nft -f`: in one transaction, and the same however often it is done. Whatever does not come over the
 * loopback interface is turned away from the closed ports, whatever other tables say. Both families.
 *
 * | chain    | meets                                                                                     |
 * |----------|-------------------------------------------------------------------------------------------|
 * | arriving | what is handed on to a container by a rule (a published port), before its address is changed |
 * | input    | what a process of the machine would get                                                   |
 *
 * Only the packet that opens a connection is met, so answers to the machine's own calls pass, and connections need not be
 * tracked. A fragment (IPv6, where it comes here unassembled) can hide what it opens, so none is taken.
 */
export const closingTable = (
  ports: readonly number[],
  answer: Answer,
): string => `# Written by landbridge. Changes are lost.
${NO_TABLE}table inet ${TABLE} {
  set closed {
    type inet_service
    elements = { ${ports.map(plain).join(', ')} }
  }
  chain arriving {
    type filter hook prerouting priority -150; policy accept;
    iif lo accept
    fib daddr type local tcp dport @closed tcp flags & (syn | ack) == syn ${ANSWERS[answer]}
  }
  chain input {
    type filter hook input priority -10; policy accept;
    ip daddr ${TRIAL_ADDRESS} tcp dport @closed reject with icmp type admin-prohibited
    iif lo accept
    exthdr frag exists tcp dport @closed drop
    tcp dport @closed tcp flags & (syn | ack) == syn reject with tcp reset
  }
}
`;

/** The text goes to root's nft: nothing but digits gets in. */
function plain(port: number): string {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new RangeError(`${port} is no port`);
  return String(port);
}
