#!/bin/sh
# Makes the certificates of the tests: an authority, a server that is localhost, a client. They guard nothing and last a hundred years.
set -eu
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1"; }
key "$scratch/ca.key"
openssl req -x509 -new -key "$scratch/ca.key" -subj '/CN=Authority of the tests' -days 36500 -out ca.pem
for name in server client; do
  key "$name.key"
  printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >"$scratch/extensions"
  openssl req -new -key "$name.key" -subj "/CN=$name" |
    openssl x509 -req -CA ca.pem -CAkey "$scratch/ca.key" -CAcreateserial -days 36500 -extfile "$scratch/extensions" -out "$name.pem"
done
rm -f ca.srl
