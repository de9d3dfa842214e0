#!/usr/bin/env bash
# Makes an authority of your own, and what it signs: a certificate for the Temporal server, and one a person or process.
#   certificates.sh <folder> <name> [<name> ...]
set -euo pipefail
umask 077
folder=$1; shift
mkdir -p "$folder"; cd "$folder"
[ -f ca.key ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=temporal authority" \
  -addext keyUsage=critical,keyCertSign -keyout ca.key -out ca.pem 2>/dev/null

# signed NAME SUBJECT_ALT_NAMES USES
signed() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  printf 'subjectAltName=%s\nextendedKeyUsage=%s\n' "$2" "$3" > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -extfile "$1.ext" -out "$1.pem" 2>/dev/null
  rm "$1.csr" "$1.ext"
}
[ -f server.key ] || signed server DNS:localhost,IP:127.0.0.1 serverAuth,clientAuth
for name in "$@"; do signed "$name" "DNS:$name" clientAuth; done
