#!/usr/bin/env bash
# Builds kube-apiserver and kube-controller-manager from the Go module proxy into the cache folder, once; prints the folder.
# Takes 20 to 30 minutes on two cores the first time. Needs Go; nothing of it is committed.
set -euo pipefail
version=${K8SAGENT_TEST_KUBERNETES:-1.36.3}
folder=${XDG_CACHE_HOME:-$HOME/.cache}/k8sagent-test-live/$version
mkdir -p "$folder/bin" "$folder/build"
cd "$folder/build"
if [ ! -x ../bin/kube-apiserver ] || [ ! -x ../bin/kube-controller-manager ]; then
  printf 'module k8sagent.test/live\n' > go.mod
  source=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
  # Kubernetes' own requirements; its staging modules are published as v0.MINOR.PATCH.
  { printf 'module k8sagent.test/live\n'
    sed -e '/^module /d' -e "s#=> ./staging/src/\(k8s.io/[a-z0-9-]*\)#=> \1 v0.${version#1.}#" "$source/go.mod"
    printf '\nrequire k8s.io/kubernetes v%s\n' "$version"
  } > go.mod
  cp "$source/go.sum" go.sum
  for program in kube-apiserver kube-controller-manager; do
    echo "building $program $version …" >&2
    go build -mod=mod -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$version -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=${version:2:2}" \
      -o "../bin/$program" "k8s.io/kubernetes/cmd/$program"
  done
fi
echo "$folder/bin"
