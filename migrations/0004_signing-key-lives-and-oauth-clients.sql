-- The life of a signing key: published at created_at, it signs from activates_at until retires_at; its tokens
-- are accepted until the last of them has expired. A revoked key is over at once. Rows stay for the audit,
-- without the private half.
ALTER TABLE signing_keys
  ADD COLUMN activates_at timestamptz,
  ADD COLUMN retires_at   timestamptz,
  ADD COLUMN revoked_at   timestamptz,
  ALTER COLUMN encrypted_private_jwk DROP NOT NULL;

UPDATE signing_keys AS k
   SET activates_at = created_at,
       retires_at = (SELECT min(created_at) FROM signing_keys AS later WHERE later.created_at > k.created_at);

ALTER TABLE signing_keys ALTER COLUMN activates_at SET NOT NULL;

-- Services that may introspect and revoke tokens. The secret itself stands nowhere.
CREATE TABLE oauth_clients (
  id           uuid PRIMARY KEY,
  name         text NOT NULL,
  -- SHA-256: the secret is 256 random bits, which no list of guesses holds.
  secret_hash  text NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz
);
