#include "doctor_checks.h"

#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

enum {
    DOCTOR_RESERVE = 200,       /* descriptors for everything but clients */
    DOCTOR_KERNEL_BYTES = 4096, /* of the kernel's memory for an idle connection, about */
    DOCTOR_BACKLOG = 4096,      /* stentord's default listen_backlog */
    DOCTOR_PER_CORE = 25000,    /* clients of one core, at a message per second */
};

/* The n-th number (from 0) in a file; -1 when there is none. */
static long doctor_read(const struct doctor *doctor, const char *name, int n)
{
    char path[512];
    long value = -1;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", doctor->proc, name);
    file = fopen(path, "re");
    if (file == NULL)
        return -1;
    for (int i = 0; i <= n; i++)
        if (fscanf(file, "%ld", &value) != 1)
            value = -1;
    fclose(file);
    return value;
}

/* The number behind `label` at the beginning of a line; -1 when there is none. */
static long doctor_find(const struct doctor *doctor, const char *name, const char *label)
{
    char path[512], line[256];
    long value = -1;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", doctor->proc, name);
    file = fopen(path, "re");
    if (file == NULL)
        return -1;
    while (value < 0 && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, label, strlen(label)) == 0 &&
            sscanf(line + strlen(label), " %ld", &value) != 1)
            value = -1;
    fclose(file);
    return value;
}

static void doctor_check_files(struct doctor *doctor)
{
    long wanted = doctor->clients + DOCTOR_RESERVE, limit,
         most = doctor_read(doctor, "sys/fs/nr_open", 0);
    char name[64];

    snprintf(name, sizeof(name), doctor->pid > 0 ? "%ld/limits" : "self/limits", doctor->pid);
    limit = doctor_find(doctor, name, "Max open files");
    if (limit < 0)
        doctor_report(&doctor->report, DOCTOR_WARNING, "descriptors",
                      "the limit cannot be read from %s", name);
    else if (limit < wanted)
        doctor_report(
            &doctor->report, DOCTOR_TOO_LOW, "descriptors",
            "%ld may be open, %ld are needed, one for each client (two, while it polls): set "
            "max_files, or LimitNOFILE= of the service, to %ld",
            limit, wanted, 2 * wanted);
    else
        doctor_report(&doctor->report, DOCTOR_OK, "descriptors", "%ld may be open, %ld are needed",
                      limit, wanted);
    if (most >= 0 && most < wanted)
        doctor_report(&doctor->report, DOCTOR_TOO_LOW, "nr_open",
                      "no process may have more than %ld: sysctl fs.nr_open=%ld", most, 2 * wanted);
    most = doctor_read(doctor, "sys/fs/file-max", 0);
    if (most >= 0 && most < wanted)
        doctor_report(&doctor->report, DOCTOR_TOO_LOW, "file-max",
                      "the system opens no more than %ld: sysctl fs.file-max=%ld", most,
                      2 * wanted);
}

static void doctor_check_backlog(struct doctor *doctor)
{
    long most = doctor_read(doctor, "sys/net/core/somaxconn", 0);
    long syn = doctor_read(doctor, "sys/net/ipv4/tcp_max_syn_backlog", 0);

    if (most >= 0 && most < DOCTOR_BACKLOG)
        doctor_report(
            &doctor->report, DOCTOR_WARNING, "somaxconn",
            "%ld connections may wait to be accepted; when all clients come at once, others "
            "wait a second or more: sysctl net.core.somaxconn=%d",
            most, DOCTOR_BACKLOG);
    else if (most >= 0)
        doctor_report(&doctor->report, DOCTOR_OK, "somaxconn",
                      "%ld connections may wait to be accepted", most);
    if (syn >= 0 && syn < 1024)
        doctor_report(&doctor->report, DOCTOR_WARNING, "syn_backlog",
                      "%ld connections may be half open: sysctl net.ipv4.tcp_max_syn_backlog=%d",
                      syn, DOCTOR_BACKLOG);
}

static void doctor_check_ports(struct doctor *doctor)
{
    long low = doctor_read(doctor, "sys/net/ipv4/ip_local_port_range", 0);
    long high = doctor_read(doctor, "sys/net/ipv4/ip_local_port_range", 1);

    if (low < 0 || high < low)
        return;
    if (high - low + 1 < doctor->clients)
        doctor_report(
            &doctor->report, DOCTOR_WARNING, "ports",
            "a proxy or load generator on this machine makes at most %ld connections from one "
            "address to one port: sysctl net.ipv4.ip_local_port_range=\"1024 65535\", and more "
            "addresses beyond 64511. Clients of other machines are not limited by this",
            high - low + 1);
    else
        doctor_report(&doctor->report, DOCTOR_OK, "ports",
                      "%ld for connections that this machine makes itself", high - low + 1);
}

static void doctor_check_tcp_memory(struct doctor *doctor)
{
    long pages = doctor_read(doctor, "sys/net/ipv4/tcp_mem", 2), page = sysconf(_SC_PAGESIZE);
    long share = doctor->clients > 0 && pages > 0 ? pages * (page / 1024) / doctor->clients : 0;

    if (pages < 0)
        return;
    if (share < 4) /* KiB of buffers for each client, when many are slow at once */
        doctor_report(
            &doctor->report, DOCTOR_WARNING, "tcp_mem",
            "the system has %ld MiB for the buffers of all connections, less than 4 KiB for "
            "each client: raise the third number of net.ipv4.tcp_mem to %ld",
            pages / (1048576 / page), doctor->clients * 16 / (page / 1024));
    else
        doctor_report(&doctor->report, DOCTOR_OK, "tcp_mem",
                      "%ld KiB of buffers for each client at most", share);
}

static void doctor_check_conntrack(struct doctor *doctor)
{
    long most = doctor_read(doctor, "sys/net/netfilter/nf_conntrack_max", 0);

    if (most < 0)
        doctor_report(&doctor->report, DOCTOR_OK, "conntrack",
                      "the firewall does not follow connections");
    else if (most < doctor->clients + doctor->clients / 4)
        doctor_report(&doctor->report, DOCTOR_TOO_LOW, "conntrack",
                      "the firewall follows at most %ld connections, and drops others: sysctl "
                      "net.netfilter.nf_conntrack_max=%ld, or do not track stentord's port",
                      most, doctor->clients * 2);
    else
        doctor_report(&doctor->report, DOCTOR_OK, "conntrack",
                      "the firewall follows up to %ld connections", most);
}

static void doctor_check_memory(struct doctor *doctor)
{
    long free_kib = doctor_find(doctor, "meminfo", "MemAvailable:");
    long each = doctor->user_bytes + DOCTOR_KERNEL_BYTES;
    long more = doctor->clients > doctor->connected ? doctor->clients - doctor->connected : 0;
    long needed_mib =
        (long)(((double)more * (double)each + (double)doctor->other_bytes) / 1048576) + 1;
    double spare = (double)free_kib * 1024 - (double)doctor->other_bytes;

    if (free_kib < 0)
        doctor_report(&doctor->report, DOCTOR_WARNING, "memory",
                      "what is free cannot be read from %s/meminfo", doctor->proc);
    else if (free_kib / 1024 < needed_mib)
        doctor_report(
            &doctor->report, DOCTOR_TOO_LOW, "memory",
            "%ld MiB are free, %ld MiB are needed (%ld bytes for each client: %ld of stentord, "
            "%d of the kernel): add memory, or set max_clients to %ld",
            free_kib / 1024, needed_mib, each, doctor->user_bytes, DOCTOR_KERNEL_BYTES,
            doctor->connected + (spare > 0 ? (long)(spare / (double)each) : 0));
    else
        doctor_report(&doctor->report, DOCTOR_OK, "memory",
                      "%ld MiB are free, about %ld MiB are needed, %ld bytes for each client",
                      free_kib / 1024, needed_mib, each);
}

static void doctor_check_cores(struct doctor *doctor)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (cores * DOCTOR_PER_CORE < doctor->clients)
        doctor_report(
            &doctor->report, DOCTOR_WARNING, "processors",
            "%ld; for a message per second to every client, %ld would be better: measure with "
            "stentor-swarm",
            cores, doctor->clients / DOCTOR_PER_CORE + 1);
    else
        doctor_report(&doctor->report, DOCTOR_OK, "processors", "%ld", cores);
}

/* seq begins with the clock: one that jumps back over a restart would give numbers out twice. */
static void doctor_check_clock(struct doctor *doctor)
{
    struct timex state = {.modes = 0};

    if (adjtimex(&state) == TIME_ERROR || (state.status & STA_UNSYNC) != 0)
        doctor_report(
            &doctor->report, DOCTOR_WARNING, "clock",
            "nothing keeps it right: install chrony or systemd-timesyncd. Numbers of messages "
            "(seq) begin with the time of the start, and must not go back");
    else
        doctor_report(&doctor->report, DOCTOR_OK, "clock", "it is kept right");
}

void doctor_check_all(struct doctor *doctor)
{
    doctor_check_files(doctor);
    doctor_check_backlog(doctor);
    doctor_check_ports(doctor);
    doctor_check_tcp_memory(doctor);
    doctor_check_conntrack(doctor);
    doctor_check_memory(doctor);
    doctor_check_cores(doctor);
    doctor_check_clock(doctor);
}
