#!/bin/sh
# Makes the passwords that compose.yaml names, once. They stay in ./secrets, which only you can read: the containers run as
# user 1000, and where you are another one, give the files to it.
set -eu
umask 077
mkdir -p secrets
random() { od -An -N 24 -tx1 /dev/urandom | tr -d ' \n'; }
[ -e secrets/postgres-password ] || random > secrets/postgres-password
[ -e secrets/objects-user ] || printf vouchsafe > secrets/objects-user
[ -e secrets/objects-password ] || random > secrets/objects-password
printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$(cat secrets/objects-user)" "$(cat secrets/objects-password)" > secrets/objects-credentials
