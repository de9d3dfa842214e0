#!/bin/sh
# Makes the namespace and registers the search attributes by which moves and clusters are found. Repeatable.
# The address and the namespace come from TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, which Temporal's CLI reads itself.
set -eu

for attempt in 1 2 3 4 5 6 7 8 9 10; do
  temporal operator cluster health && break
  echo "Temporal does not serve yet ($attempt of 10)"
  sleep 3
done

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 168h

# A new namespace is known to every part of the server only after a few seconds.
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  known=$(temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE") && break
  echo "the namespace is not known everywhere yet ($attempt of 10)"
  sleep 3
done

for name in UnderstudyService UnderstudyCluster UnderstudyRegion UnderstudyState UnderstudyKind UnderstudyMove; do
  case $known in
    *"$name"*) ;;
    *) temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$name" --type Keyword ;;
  esac
done
