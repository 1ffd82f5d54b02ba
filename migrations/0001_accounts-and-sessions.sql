CREATE TABLE users (
  id             uuid PRIMARY KEY,
  email          text NOT NULL UNIQUE CHECK (email = lower(email)),
  password_hash  text NOT NULL,
  name           text,
  role           text NOT NULL DEFAULT 'user',
  email_verified boolean NOT NULL DEFAULT false,
  disabled_at    timestamptz,
  created_at     timestamptz NOT NULL DEFAULT now()
);

-- The record of every session: whether it and its user still exist. The refresh token itself stands nowhere.
CREATE TABLE sessions (
  id                   uuid PRIMARY KEY,
  user_id              uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  client               text NOT NULL CHECK (client IN ('browser', 'native')),
  device_id_hash       text,
  device_type          text NOT NULL,
  label                text,
  user_agent           text,
  ip                   inet,
  amr                  text[] NOT NULL,
  authenticated_at     timestamptz NOT NULL,
  created_at           timestamptz NOT NULL,
  last_used_at         timestamptz NOT NULL,
  expires_at           timestamptz NOT NULL,
  revoked_at           timestamptz,
  revoked_reason       text,
  -- The last head that the journal has seen, enough to write the Redis key anew.
  gen                  integer NOT NULL,
  rotated_at           timestamptz NOT NULL,
  refresh_expires_at   timestamptz NOT NULL,
  idempotency_key_hash text,
  CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);

CREATE INDEX sessions_live_by_user ON sessions (user_id, last_used_at) WHERE revoked_at IS NULL;

CREATE TABLE signing_keys (
  kid                   text PRIMARY KEY,
  public_jwk            jsonb NOT NULL,
  -- JWE (RFC 7516) under a key derived from SECRET_KEY.
  encrypted_private_jwk text NOT NULL,
  created_at            timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX sessions_revoked_at ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
