/**
 * Quality of service: structures of the published signatures. No provider of this project supports QoS; they are here
 * because the SPI is whole, and `WSPGetQOSByName` must exist in any case (SP-21).
 */

import type { WSABUF } from './types.js';

/** One direction's wishes; rates in bytes per second, sizes in bytes, times in microseconds. [HDR: qos.h] */
export interface FLOWSPEC {
  TokenRate: number;
  TokenBucketSize: number;
  PeakBandwidth: number;
  Latency: number;
  DelayVariation: number;
  ServiceType: number;
  MaxSduSize: number;
  MinimumPolicedSize: number;
}

/** Both directions' wishes and a provider's own bytes. [HDR: winsock2.h] */
export interface QOS {
  SendingFlowspec: FLOWSPEC;
  ReceivingFlowspec: FLOWSPEC;
  ProviderSpecific: WSABUF;
}
