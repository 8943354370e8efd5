/*
 * replay.c - takes libFuzzer's place: runs a target over the files of the given directories, so
 * that every `make check` with any compiler sees what fuzzing once found. Options of libFuzzer
 * (-runs=0) are ignored.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "fuzz.h"

static bool replay_file(const char *path)
{
    struct strbuf content = STRBUF_INIT;
    FILE *file = fopen(path, "rb");
    size_t n;

    if (file == NULL) {
        perror(path);
        return false;
    }
    do {
        if (!strbuf_reserve(&content, 4096))
            break;
        n = fread(content.data + content.len, 1, 4096, file);
        content.len += n;
    } while (n > 0);
    fclose(file);
    uint8_t *exact = fuzz_copy(content.data, content.len);
    LLVMFuzzerTestOneInput(exact, content.len);
    free(exact);
    strbuf_free(&content);
    return true;
}

/* How many files were run; -1 when one could not be read. */
static int replay_directory(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int count = 0;

    if (dir == NULL) {
        perror(path);
        return -1;
    }
    while (count >= 0 && (entry = readdir(dir)) != NULL) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        count = replay_file(name) ? count + 1 : -1;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;

    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-')
            continue;
        int count = replay_directory(argv[i]);
        if (count < 0)
            return 1;
        total += count;
    }
    printf("%s: %d files\n", argv[0], total);
    return total > 0 ? 0 : 1;
}
