# A small job of every verb and benchmark on one rank, under the checker that $CHECKER names; a test
# of the preset valgrind.
. "$(dirname "$0")/../cli/lib_verbs.sh" || exit 1
: "${CHECKER:?is a command, such as valgrind --quiet --error-exitcode=1}"
export OMPI_MCA_btl=self OMPI_MCA_ess_singleton_isolated=1

checked() { # VERB ARGUMENT...
    # shellcheck disable=SC2086 # a list of words
    expect 0 "$*" timeout -k 5 "$(seconds)" $CHECKER "$TRUNNION" "$@" --quiet
}
every_verb checked
finish
