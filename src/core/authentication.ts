/**
 * Who somebody is, as protocol adapters ask for it: an adapter reads the credentials of its protocol and gets an
 * identity, and that is all it knows of users (architecture 8). What proves them (passwords, tokens, certificates)
 * lives elsewhere and is handed to the adapters at start.
 */

import { BusError } from '../model/errors.ts'
import { anonymous, type Identity } from '../model/identity.ts'

/** What somebody shows. Nothing of it may be logged or kept. */
export type Credentials =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  /** One of ours, or a JWT. */
  | { readonly kind: 'token'; readonly token: string }
  /** Verified by TLS against the authority of the listener. */
  | { readonly kind: 'certificate'; readonly certificate: ClientCertificate }
  /** Of the process at the other end of a Unix socket, by the kernel. */
  | { readonly kind: 'process'; readonly process: ProcessCredentials }

export interface ClientCertificate {
  /** `CN=device-7,O=Example`, as RFC 4514 writes it. */
  readonly subject: string
  /** Undefined: it has none. */
  readonly commonName: string | undefined
  /** Subject alternative names: `DNS:a.example`, `URI:…`, `email:…`, `IP Address:…`. */
  readonly names: readonly string[]
  /** SHA-256 of the certificate, 64 hex digits in lower case. */
  readonly fingerprint: string
}

export interface ProcessCredentials {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

/** Where it comes from: limits on attempts are kept per user and address, and records name it. */
export interface Caller {
  /** `grpc`, `mqtt` … */
  readonly protocol: string
  /** `ip:port`; undefined for a Unix socket. */
  readonly source: string | undefined
  /** Address text of the listener. */
  readonly listener: string
}

/**
 * What a challenge is answered against (SCRAM, WAMP-CRA, cryptosign): never the password itself. For a user that is
 * not there it is made up, always the same for a name, so that nobody learns who is.
 */
export interface Verifiers {
  /** SCRAM-SHA-256 (RFC 5802, RFC 7677). */
  readonly scram: {
    readonly salt: Uint8Array
    readonly iterations: number
    readonly storedKey: Uint8Array
    readonly serverKey: Uint8Array
  }
  /** WAMP-CRA: the key is PBKDF2-SHA-256 of the password, in base64. */
  readonly wampcra: {
    readonly salt: string
    readonly iterations: number
    readonly keyBytes: number
    readonly key: string
  }
  /** Ed25519 public keys, 64 hex digits each. */
  readonly publicKeys: readonly string[]
}

export interface Authentication {
  /** Nobody needs to show anything, and everybody is `anonymous`. */
  readonly isOpen: boolean
  /**
   * Who a client is that shows nothing; undefined: it has to show something. On a listener that others can reach, that
   * is so unless rules say otherwise.
   */
  anonymousAt(caller: Caller): Identity | undefined
  /**
   * Rejects with BusError `unauthenticated/bad_credentials` whatever was wrong, after the same work;
   * `resource_exhausted/too_many_logins` when user or address tried too often, or too many wait.
   */
  authenticate(credentials: Credentials, caller: Caller): Promise<Identity>
  /** For protocols that never see the password. Rejects as `authenticate` when there were too many attempts. */
  verifiersOf(user: string, caller: Caller): Promise<Verifiers>
  /**
   * The identity of a user that has answered a challenge; undefined when there is no such user (any more).
   * @param caller who asked for the verifiers: the attempt is not counted any longer
   */
  proven(user: string, method: Identity['method'], caller?: Caller): Identity | undefined
  /** Whether what this identity has shown still holds: not revoked, not expired, not changed. */
  holds(identity: Identity): boolean
  /** Counts and records an attempt that failed at a challenge. */
  failed(user: string, caller: Caller): void
}

/** Without users: everybody is anonymous, and credentials mean nothing. */
export const openAuthentication: Authentication = {
  isOpen: true,
  anonymousAt: () => anonymous,
  authenticate: () => Promise.resolve(anonymous),
  verifiersOf: () => Promise.reject(noUsers()),
  proven: () => undefined,
  holds: () => true,
  failed: () => undefined,
}

function noUsers(): BusError {
  return new BusError('unauthenticated', 'bad_credentials', 'this daemon knows no users')
}
