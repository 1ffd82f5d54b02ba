#!/usr/bin/env bash
# A session from sign-up to logout, with curl 7.79 or newer. Usage: curl.sh [URL of Latchkey]
set -euo pipefail
url=${1:-http://localhost:3000}
jar=$(mktemp)
trap 'rm -f "$jar"' EXIT
email=ada-$RANDOM$RANDOM@example.com

# The refresh token goes into the jar as a cookie, the access token into a variable.
post() { curl -sS --fail-with-body -b "$jar" -c "$jar" -X POST "$url$1" "${@:2}"; }
access_token_of() { sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p'; }

echo "Sign up as $email"
access_token=$(post /auth/signup -H 'content-type: application/json' \
  -d "{\"email\":\"$email\",\"password\":\"correct horse battery\"}" | access_token_of)

echo "Refresh, with a key that is the same for every try of it"
access_token=$(post /auth/refresh -H "idempotency-key: $RANDOM$RANDOM$RANDOM" --retry 5 | access_token_of)

echo "Who am I?"
curl -sS --fail-with-body -w '\n' "$url/auth/me" -H "authorization: Bearer $access_token"

echo "My sessions"
curl -sS --fail-with-body -w '\n' "$url/auth/sessions" -H "authorization: Bearer $access_token"

echo "Log out"
post /auth/logout

echo "Refresh once more: refused"
post /auth/refresh -w '\n' && exit 1 || true
