# PostgreSQL's server programs, which Debian keeps out of the path. Sourced, not run.
# shellcheck shell=bash

# The folder of initdb and postgres, newest version first.
postgres_programs() {
    local folder
    while read -r folder; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
            echo "$folder"
            return
        fi
    done < <(
        printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV
        ! have initdb || dirname -- "$(command -v initdb)"
    )
    return 1
}

need_postgres() { postgres_programs >/dev/null || MISSING+=(postgresql); }
