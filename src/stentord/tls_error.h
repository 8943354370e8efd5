/*
 * tls_error.h - what OpenSSL's errors mean: a reason to close, and a text.
 *
 * No data; on the thread whose error it is.
 */
#ifndef STENTORD_TLS_ERROR_H
#define STENTORD_TLS_ERROR_H

#include <openssl/ssl.h>

#include "stats.h"

enum close_reason tls_error_reason(unsigned long error);

/* The last error in words; empties the thread's queue of errors. */
const char *tls_error_text(void);

#endif
