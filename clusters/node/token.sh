#!/usr/bin/env bash
# Makes the cluster's token if there is none, and makes it readable by its owner only.
set -euo pipefail
token=~/.ray/auth_token
mkdir -p ~/.ray
if [ ! -s "$token" ]; then
  (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > "$token.new")
  mv "$token.new" "$token"
fi
chmod 600 "$token"
