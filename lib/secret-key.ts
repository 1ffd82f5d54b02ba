/** A key derived from `SECRET_KEY` for one purpose. */
export interface SecretKey {
  /** Names the key in a token's or a ciphertext's header; tells nothing about it. */
  kid: string
  key: Buffer
}
