-- Access tokens that single-token mode traded for another: refused from then on, and what each was traded for.
-- The tokens themselves stand nowhere.
CREATE TABLE renewed_access_tokens (
  jti                  uuid PRIMARY KEY,
  sid                  uuid NOT NULL,
  renewed_at           timestamptz NOT NULL DEFAULT now(),
  successor_jti        uuid NOT NULL,
  -- Seconds since 1970, as in the token: whoever repeats the exchange gets the same claims.
  successor_iat        bigint NOT NULL,
  successor_exp        bigint NOT NULL,
  idempotency_key_hash text
);

CREATE INDEX renewed_access_tokens_by_time ON renewed_access_tokens (renewed_at);
