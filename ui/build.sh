#!/bin/sh
# Puts the classes, the style sheet and the settings schema into one script: build.sh OUT
set -eu
cd "$(dirname "$0")"
out=$1
mkdir -p "$(dirname "$out")"
{
    cat src/head.js
    printf 'const SCHEMA = '
    cat ../share/settings.json
    printf ';\nconst STYLE = `'
    cat src/foresight.css
    printf '`;\n'
    while read -r file; do
        cat "src/$file"
    done <files
    cat src/tail.js
} >"$out.new"
mv "$out.new" "$out"
