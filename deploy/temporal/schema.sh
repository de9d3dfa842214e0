#!/bin/sh
# Brings Temporal's two databases to the schema of this image: makes them the first time, upgrades them later.
set -eu

schemas=/etc/temporal/schema/postgresql/v12

sql_tool() {
  database=$1
  shift
  temporal-sql-tool --plugin postgres12 --ep "$SQL_HOST" --port 5432 --user "$SQL_USER" --db "$database" "$@"
}

bring_up() {
  database=$1
  versions=$2
  if output=$(sql_tool "$database" update-schema --schema-dir "$versions" 2>&1); then
    echo "$database: up to date"
    return
  fi
  # Only a database without any schema is set up: doing it again would set its version back to 0.
  case $output in
    *'does not exist'*) ;;
    *)
      echo "$output" >&2
      return 1
      ;;
  esac
  echo "$database: making it"
  sql_tool "$database" create
  sql_tool "$database" setup-schema --version 0.0
  sql_tool "$database" update-schema --schema-dir "$versions"
}

bring_up temporal "$schemas/temporal/versioned"
bring_up temporal_visibility "$schemas/visibility/versioned"
