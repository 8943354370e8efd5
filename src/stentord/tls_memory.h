/*
 * tls_memory.h - where OpenSSL's large blocks come from.
 *
 * OpenSSL takes a buffer of 16 KiB or more for each record that it reads or writes, and for each
 * handshake, and gives it back a moment later. From malloc they would come out of the same heap as
 * what stays as long as its client, and each would leave a hole between two of these that nothing
 * fits into: after a rush of handshakes, half as much again for each client. So these blocks come
 * from a place of their own. A thread keeps a few, which its next records find in the cache; what
 * is left over goes back to the system.
 *
 * Any thread.
 */
#ifndef STENTORD_TLS_MEMORY_H
#define STENTORD_TLS_MEMORY_H

/* Before anything else that uses OpenSSL; once. */
void tls_memory_init(void);

#endif
