/**
 * The cumulative counts that both directions of a session share, because each direction's headers report on the other
 * (GAP-3). All byte counts are int32, mod 2^32, compared by difference; message counts are mod 2^16.
 */
export class Counts {
  /** Payload bytes sent, and how many of them the peer's program has read by the peer's last report. */
  sentBytes = 0;
  peerConsumed = 0;
  /** Messages sent, and how many of them the peer has taken off the wire by its last report. */
  sentMessages = 0;
  peerMessages = 0;
  /** Payload bytes received, read by our program, and reported as read. */
  receivedBytes = 0;
  consumedBytes = 0;
  reportedBytes = 0;
  /** Messages taken off the wire, and reported as such. */
  receivedMessages = 0;
  reportedMessages = 0;

  /** Messages that the peer has not yet reported as taken off the wire. */
  get messagesUnderWay(): number {
    return (this.sentMessages - this.peerMessages) & 0xffff;
  }

  /** Bytes that the peer's program has not yet reported as read. */
  get bytesUnderWay(): number {
    return (this.sentBytes - this.peerConsumed) | 0;
  }

  /** Takes a report from a peer's header; false if it claims more than was sent, or takes back what it said. */
  takeReport(messages: number, consumed: number): boolean {
    const moreMessages = (messages - this.peerMessages) & 0xffff;
    const moreBytes = (consumed - this.peerConsumed) | 0;
    if (moreMessages > this.messagesUnderWay || moreBytes < 0 || moreBytes > this.bytesUnderWay) return false;
    this.peerMessages = messages;
    this.peerConsumed = consumed;
    return true;
  }
}
