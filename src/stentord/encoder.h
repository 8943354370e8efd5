/*
 * encoder.h - turns a message into the bytes of a dialect: whole WebSocket frames.
 *
 * An encoder belongs to one thread; it holds what compression needs, made when first needed.
 * The only module that knows how each dialect renders a message.
 */
#ifndef STENTORD_ENCODER_H
#define STENTORD_ENCODER_H

#include "config.h"
#include "message.h"
#include "stats.h"
#include "stentor/wire/deflate.h"

struct encoder {
    const struct config *config;
    struct stats *stats;
    struct deflater *deflater;
};

void encoder_init(struct encoder *encoder, const struct config *config, struct stats *stats);
void encoder_destroy(struct encoder *encoder);

/* A new buffer with one reference, or NULL when memory is out; it is the caller's to store. */
struct refbuf *encoder_build(struct encoder *encoder, const struct message *message,
                             enum dialect dialect) MUST_CHECK;

#endif
