# wire: pure codecs, both directions. Knows base.

libstentor_a_SOURCES += \
	include/stentor/wire/deflate.h src/wire/deflate.c \
	include/stentor/wire/engine_io.h src/wire/engine_io.c \
	include/stentor/wire/http.h src/wire/http.c \
	include/stentor/wire/native.h src/wire/native.c \
	include/stentor/wire/packarray.h src/wire/packarray.c \
	include/stentor/wire/packjson.h src/wire/packjson_decode.c src/wire/packjson_encode.c \
	include/stentor/wire/proxy.h src/wire/proxy.c \
	include/stentor/wire/socket_io.h src/wire/socket_io.c \
	include/stentor/wire/sse.h src/wire/sse.c \
	include/stentor/wire/websocket.h src/wire/websocket.c

# llhttp, the HTTP parser of Node.js, is compiled from its authors' generated sources.
if LLHTTP_FROM_SOURCES
LLHTTP_LIB = libllhttp.a
llhttp_objects = llhttp-parser.$(OBJEXT) llhttp-api.$(OBJEXT) llhttp-http.$(OBJEXT)
llhttp_compile = $(AM_V_CC)$(CC) $(CPPFLAGS) $(LLHTTP_CFLAGS) -DLLHTTP_STRICT_MODE=1 \
	$(CFLAGS) -w $(SANITIZER_FLAGS) -c -o $@

llhttp-parser.$(OBJEXT): $(LLHTTP_SOURCES)/llhttp.c
	$(llhttp_compile) $(LLHTTP_SOURCES)/llhttp.c
llhttp-api.$(OBJEXT): $(LLHTTP_SOURCES)/api.c
	$(llhttp_compile) $(LLHTTP_SOURCES)/api.c
llhttp-http.$(OBJEXT): $(LLHTTP_SOURCES)/http.c
	$(llhttp_compile) $(LLHTTP_SOURCES)/http.c
libllhttp.a: $(llhttp_objects)
	$(AM_V_AR)rm -f $@ && $(AR) $(ARFLAGS) $@ $(llhttp_objects) && $(RANLIB) $@

CLEANFILES += libllhttp.a
endif
