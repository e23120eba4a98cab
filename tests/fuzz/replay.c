/* replay.c: fuzz_replay FOLDER feeds FOLDER/READER/... to the readers, with any compiler. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static int feed_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) return perror(path), 1;
    long size = ftell(file);
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    rewind(file);
    int failed = !data || fread(data, 1, (size_t)size, file) != (size_t)size;
    fclose(file);
    if (failed) return perror(path), 1;
    fprintf(stderr, "%s\n", path); /* the last one named is the one that it died of */
    fuzz_feed(data, (size_t)size);
    free(data);
    return 0;
}

int main(int argc, char **argv) {
    int fed = 0, failed = 0;
    char path[4096];
    if (argc != 2) return fputs("usage: fuzz_replay FOLDER\n", stderr), 2;
    for (const fuzz_reader_t *reader = fuzz_readers; reader->name; reader++) {
        snprintf(path, sizeof path, "%s/%s", argv[1], reader->name);
        DIR *folder = opendir(path);
        if (!folder) continue;
        fuzz_begin(reader->name);
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            if (entry->d_name[0] == '.') continue;
            snprintf(path, sizeof path, "%s/%s/%s", argv[1], reader->name, entry->d_name);
            failed += feed_file(path);
            fed++;
        }
        closedir(folder);
    }
    printf("%d inputs\n", fed);
    if (fed > 0) fuzz_end();
    return failed > 0 || fed == 0;
}
