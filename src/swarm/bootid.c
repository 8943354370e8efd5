#include "bootid.h"

#include <stdio.h>
#include <string.h>

void bootid_read(char id[BOOTID_LEN])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

    if (file == NULL || fgets(id, BOOTID_LEN, file) == NULL)
        id[0] = '\0';
    id[strcspn(id, "\n")] = '\0';
    if (file != NULL)
        fclose(file);
}
