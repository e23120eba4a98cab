/* own.c: make, recognize and remove files of this user in places where others can write too. */
#define _GNU_SOURCE /* F_OFD_SETLK, renameat2 */
#include "base/own.h"

#include "base/signal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIGITS = 16, MOST_LINKS = 40 };

uint64_t trn_own_draw(void) {
    uint64_t draw = 0;
    if (getrandom(&draw, sizeof draw, 0) == (ssize_t)sizeof draw) return draw;
    return (uint64_t)getpid(); /* no kernel of today; files are made exclusively anyway */
}

/* What keeps a file from being ours to write to, in words; NULL if nothing does. */
static const char *flaw_of(const struct stat *info, uid_t owner) {
    if (S_ISDIR(info->st_mode)) return "a directory";
    if (!S_ISREG(info->st_mode)) return "no regular file";
    if (info->st_uid != owner) return "of another user";
    /* The other name may be that of a file of ours elsewhere, linked here by somebody else. */
    return info->st_nlink > 1 ? "a file with several names" : NULL;
}

const char *trn_own_flaw(int fd, uid_t owner) {
    struct stat info;
    return fstat(fd, &info) == 0 ? flaw_of(&info, owner) : "not to be looked at";
}

/* Neither a link nor a pipe is waited on or followed; what was opened is looked at by its
 * descriptor, so that it cannot be exchanged in between. */
int trn_own_open(const char *path, int flags, uid_t owner, const char **flaw) {
    struct stat info;
    *flaw = NULL;
    int fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int error = errno; /* of open, and why the file could not even be opened is told by its kind */
    if (fd >= 0)
        *flaw = trn_own_flaw(fd, owner);
    else if (lstat(path, &info) == 0)
        *flaw = S_ISLNK(info.st_mode) ? "a symbolic link" : flaw_of(&info, owner);
    if (fd >= 0 && *flaw) {
        close(fd);
        fd = -1;
    }
    errno = error;
    return fd;
}

/* Whose links we follow, and whose folders we believe in: this user's and root's. */
static bool trusted(uid_t owner) {
    return owner == geteuid() || owner == 0;
}

/* The folder of a path, with its slash, or "./". False if it is too long. */
static bool folder_of(const char *path, char folder[TRN_OWN_PATH]) {
    const char *slash = strrchr(path, '/');
    return snprintf(folder, TRN_OWN_PATH, "%.*s", slash ? (int)(slash - path + 1) : 2,
                    slash ? path : "./") < TRN_OWN_PATH;
}

/* What the link `path` says, as a path from where we are. */
static bool read_link(const char *path, char to[TRN_OWN_PATH]) {
    char text[TRN_OWN_PATH], folder[TRN_OWN_PATH] = "";
    ssize_t bytes = readlink(path, text, sizeof text - 1);
    if (bytes < 0) return false;
    text[bytes] = '\0';
    if (text[0] != '/' && !folder_of(path, folder)) return false;
    return snprintf(to, TRN_OWN_PATH, "%s%s", folder, text) < TRN_OWN_PATH;
}

/* Follows links one by one as the system would, but only those of trusted owners. */
bool trn_own_target(const char *path, char *target, const char **flaw) {
    struct stat info, beyond;
    char next[TRN_OWN_PATH];
    *flaw = NULL;
    bool fits = snprintf(target, TRN_OWN_PATH, "%s", path) < TRN_OWN_PATH;
    for (int i = 0; fits && i < MOST_LINKS; i++) {
        if (lstat(target, &info) != 0 || !S_ISLNK(info.st_mode)) return true;
        if (!trusted(info.st_uid)) {
            *flaw = "a symbolic link of another user";
            return false;
        }
        fits = read_link(target, next);
        /* /dev/stdout and its like say a name that is none: only the link itself can be opened. */
        if (fits && lstat(next, &beyond) != 0 && stat(target, &info) == 0) return true;
        if (fits) memcpy(target, next, sizeof next);
    }
    *flaw = "a name too long, or links in a circle";
    return false;
}

/* Whether others than this user and root can put files beside `path`. */
static bool open_to_others(const char *path) {
    char folder[TRN_OWN_PATH];
    struct stat info;
    return !folder_of(path, folder) || stat(folder, &info) != 0 || !trusted(info.st_uid) ||
           info.st_mode & S_IWOTH;
}

/* In a folder where only trusted users can write, any file will do; elsewhere it must be ours. */
int trn_own_append(const char *path, const char **flaw) {
    char target[TRN_OWN_PATH];
    struct stat info;
    if (!trn_own_target(path, target, flaw)) return -1;
    bool link = lstat(target, &info) == 0 && S_ISLNK(info.st_mode);
    int fd =
        open(target, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | (link ? 0 : O_NOFOLLOW), 0666);
    if (fd < 0 || !open_to_others(target) || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return fd;
    *flaw = flaw_of(&info, geteuid());
    if (!*flaw) return fd;
    close(fd);
    return -1;
}

/* A lock says that a process lives: what a killed job leaves is free to be taken away. */
trn_hold_t trn_own_hold(int fd) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
#ifdef F_OFD_SETLK
    /* Of the open file, not of the process: a second one of this process does not share it, and
     * closing that one does not give it back. */
    int outcome = fcntl(fd, F_OFD_SETLK, &whole);
    if (outcome != 0 && errno == EINVAL) outcome = fcntl(fd, F_SETLK, &whole);
#else
    int outcome = fcntl(fd, F_SETLK, &whole);
#endif
    if (outcome == 0) return TRN_HELD;
    return errno == EACCES || errno == EAGAIN ? TRN_HELD_ABOUT : TRN_NO_LOCKS;
}

bool trn_own_named(const char *path, int fd) {
    struct stat named, opened;
    return lstat(path, &named) == 0 && fstat(fd, &opened) == 0 && named.st_dev == opened.st_dev &&
           named.st_ino == opened.st_ino;
}

void trn_own_unlink(const char *path, int fd) {
    if (trn_own_named(path, fd)) (void)unlink(path);
}

int trn_own_rename(const char *from, const char *to) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -1;
    /* NFS, say, knows only links. */
    return link(from, to) == 0 ? unlink(from) : -1;
}

int trn_own_create(const char *path) {
    trn_signal_guard(path, -1); /* first: a signal in between would leave the file */
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0) return -1;
        trn_hold_t hold = trn_own_hold(fd);
        /* Before we held it, another job may have taken it for one left behind. */
        if (hold == TRN_NO_LOCKS || (hold == TRN_HELD && trn_own_named(path, fd))) return fd;
        close(fd);
    }
}

/* Whether a name is that of a temporary file of `stem`, or of one of those, ...; a maker may also
 * have given the former file the name STEM.tmp.DIGITS.prev (io/store/store_commit.c). */
static bool temporary(const char *name, const char *stem) {
    static const char mark[] = ".tmp.";
    const size_t length = strlen(stem), each = strlen(mark) + DIGITS;
    if (strncmp(name, stem, length) != 0) return false;
    const char *at = name + length;
    while (strncmp(at, mark, strlen(mark)) == 0 &&
           strspn(at + strlen(mark), "0123456789abcdef") == DIGITS)
        at += each;
    return at > name + length && (*at == '\0' || strcmp(at, ".prev") == 0);
}

/* Hold the file first: then its maker is dead, or has not held it yet and will look for it. */
static void remove_left(int directory, const char *name) {
    struct stat info;
    int fd = openat(directory, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
        trn_own_hold(fd) == TRN_HELD)
        (void)unlinkat(directory, name, 0);
    close(fd);
}

void trn_own_clean(const char *stem) {
    char folder[TRN_OWN_PATH];
    const char *slash = strrchr(stem, '/'), *name = slash ? slash + 1 : stem;
    DIR *entries = folder_of(stem, folder) ? opendir(folder) : NULL;
    if (!entries) return;
    for (const struct dirent *e = readdir(entries); e; e = readdir(entries))
        if (temporary(e->d_name, name)) remove_left(dirfd(entries), e->d_name);
    closedir(entries);
}
