#include "stentor/wire/proxy.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

/* Section 2.1 of the specification: a line of text, up to 107 bytes with its end. */
enum { PROXY_MAX_LINE = 107 };

/* Section 2.2: a signature, and then version and command, family and transport, length. */
static const uint8_t proxy_signature[12] = "\r\n\r\n\0\r\nQUIT\n";
enum { PROXY_FIXED = 16 };

/* Takes the next word of the line, which ends with a space or with the line. */
static bool proxy_word(const char **at, const char *end, char word[INET6_ADDRSTRLEN])
{
    const char *space = memchr(*at, ' ', (size_t)(end - *at));
    const char *stop = space != NULL ? space : end;
    size_t len = (size_t)(stop - *at);

    if (len == 0 || len >= INET6_ADDRSTRLEN || memchr(*at, '\0', len) != NULL)
        return false;
    memcpy(word, *at, len);
    word[len] = '\0';
    *at = space != NULL ? space + 1 : end;
    return true;
}

static bool proxy_port(const char *word, uint16_t *port)
{
    unsigned value = 0;

    if (*word == '\0' || (word[0] == '0' && word[1] != '\0'))
        return false;
    for (; *word != '\0'; word++) {
        if (*word < '0' || *word > '9' || value > 6553)
            return false;
        value = value * 10 + (unsigned)(*word - '0');
    }
    *port = (uint16_t)value;
    return value <= UINT16_MAX;
}

/* What stands between "PROXY " and the end of the line. */
static bool proxy_read_line(const char *at, const char *end, struct proxy_header *header)
{
    char word[INET6_ADDRSTRLEN];
    uint8_t destination[16];
    uint16_t port;

    if (!proxy_word(&at, end, word))
        return false;
    if (strcmp(word, "UNKNOWN") == 0)
        return true; /* whatever follows is not to be read */
    if (strcmp(word, "TCP4") != 0 && strcmp(word, "TCP6") != 0)
        return false;
    header->family = word[3] == '4' ? AF_INET : AF_INET6;
    return proxy_word(&at, end, word) && inet_pton(header->family, word, header->source) == 1 &&
           proxy_word(&at, end, word) && inet_pton(header->family, word, destination) == 1 &&
           proxy_word(&at, end, word) && proxy_port(word, &header->port) &&
           proxy_word(&at, end, word) && proxy_port(word, &port) && at == end && end[-1] != ' ';
}

static enum proxy_result proxy_parse_text(const char *data, size_t len, struct proxy_header *header,
                                          size_t *used)
{
    static const char begin[] = "PROXY ";
    size_t look = len < PROXY_MAX_LINE ? len : PROXY_MAX_LINE;
    size_t same = len < sizeof(begin) - 1 ? len : sizeof(begin) - 1;
    const char *end;

    if (memcmp(data, begin, same) != 0)
        return PROXY_FAILED;
    end = memchr(data, '\n', look);
    if (end == NULL)
        return look < PROXY_MAX_LINE ? PROXY_MORE : PROXY_FAILED;
    *used = (size_t)(end - data) + 1;
    if (*used < sizeof(begin) + 1 || end[-1] != '\r' ||
        !proxy_read_line(data + sizeof(begin) - 1, end - 1, header))
        return PROXY_FAILED;
    return PROXY_DONE;
}

/* Addresses and ports of both sides; behind them may be more, for others. */
static bool proxy_read_addresses(unsigned kind, const uint8_t *data, size_t len,
                                 struct proxy_header *header)
{
    size_t size = kind == 0x11 ? 4 : kind == 0x21 ? 16 : 0;

    if (size == 0)
        return true; /* it speaks for something that has no such address */
    if (len < 2 * size + 4)
        return false;
    header->family = size == 4 ? AF_INET : AF_INET6;
    memcpy(header->source, data, size);
    header->port = (uint16_t)(data[2 * size] << 8 | data[2 * size + 1]);
    return true;
}

static enum proxy_result proxy_parse_binary(const uint8_t *data, size_t len,
                                            struct proxy_header *header, size_t *used)
{
    size_t same = len < sizeof(proxy_signature) ? len : sizeof(proxy_signature);
    unsigned command, kind;
    size_t rest;

    if (memcmp(data, proxy_signature, same) != 0)
        return PROXY_FAILED;
    if (len < PROXY_FIXED)
        return PROXY_MORE;
    command = data[12];
    kind = data[13];
    rest = (size_t)(data[14] << 8 | data[15]);
    if ((command != 0x20 && command != 0x21) || PROXY_FIXED + rest > PROXY_MAX_HEADER)
        return PROXY_FAILED;
    if (len < PROXY_FIXED + rest)
        return PROXY_MORE;
    *used = PROXY_FIXED + rest;
    if (command == 0x20) /* the balancer speaks for itself: a look whether we are there */
        return PROXY_DONE;
    return proxy_read_addresses(kind, data + PROXY_FIXED, rest, header) ? PROXY_DONE : PROXY_FAILED;
}

enum proxy_result proxy_parse(const void *data, size_t len, struct proxy_header *header,
                              size_t *used)
{
    *header = (struct proxy_header){.family = AF_UNSPEC};
    *used = 0;
    if (len == 0)
        return PROXY_MORE;
    if (*(const uint8_t *)data == proxy_signature[0])
        return proxy_parse_binary(data, len, header, used);
    return proxy_parse_text(data, len, header, used);
}
