/* own.h: files whose names others can guess, hold or plant: only what is ours is written or
 * removed.
 *
 * A file is ours if it is a regular one, belongs to the user of this process and has one name. A
 * temporary file is called STEM.tmp. and 16 hexadecimal digits, is made where nothing had the name,
 * never through a link, and its maker holds a lock on it, which dies with the process: so the next
 * job can tell what a killed one left behind from what a living one writes. */
#ifndef TRN_BASE_OWN_H
#define TRN_BASE_OWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { TRN_OWN_PATH = 4096 /* bytes of a path, with its NUL */ };

/* A number that nobody can foretell, for such digits. Local. */
uint64_t trn_own_draw(void);

/* What is wrong with an open file that should be ours, or NULL: "a directory", "of another user",
 * ... `owner` is whose it should be (geteuid() where nobody says otherwise). Local. */
const char *trn_own_flaw(int fd, uid_t owner);

/* Open `path` with `flags` (no O_CREAT) if it is ours, following no link and waiting for no FIFO.
 * Returns the descriptor; or -1, with *flaw as above or NULL when the call itself failed (errno).
 * Local. */
int trn_own_open(const char *path, int flags, uid_t owner, const char **flaw);

/* The name that `path` leads to, by links of this user or of root alone, into target[TRN_OWN_PATH];
 * it need not exist. False and *flaw when a link is another's, or nothing but loops or is too long.
 * Local. */
bool trn_own_target(const char *path, char *target, const char **flaw);

/* Open for appending a file that the user has named, or make it. In a directory where others write
 * it must be ours as above; elsewhere it may be anything. Returns as trn_own_open. Local. */
int trn_own_append(const char *path, const char **flaw);

/* Make `path`, a temporary name, for reading and writing, hold it as trn_own_hold does, and have it
 * removed if a signal ends the process (trn_signal_release takes that back, and is due also when
 * this fails). `path` is borrowed until then. Returns the descriptor, or -1 with errno. Local. */
int trn_own_create(const char *path);

typedef enum trn_hold {
    TRN_HELD,       /* by us, until `fd` is closed */
    TRN_HELD_ABOUT, /* another open file holds it, on any host that shares the file system */
    TRN_NO_LOCKS    /* this file system has none; errno says why */
} trn_hold_t;

/* Lock the whole of an open file, without waiting. Local. */
trn_hold_t trn_own_hold(int fd);

/* Whether `path` is a name of the open file: it may have been removed or replaced since. Local. */
bool trn_own_named(const char *path, int fd);

/* Remove the name `path` if it is one of the open file. Local. */
void trn_own_unlink(const char *path, int fd);

/* Rename a file to a name that nothing has: 0; else -1 with errno, EEXIST if something has it;
 * EPERM, ENOSYS or EOPNOTSUPP where the file system cannot tell. Local. */
int trn_own_rename(const char *from, const char *to);

/* Remove STEM.tmp.* of this user that no process holds: what killed jobs left. What cannot be
 * locked stays. Cost: one reading of the directory. Local. */
void trn_own_clean(const char *stem);

#endif
