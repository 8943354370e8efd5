#!/usr/bin/env python3
"""Runs a command that is told there is no processor state beyond FXSAVE's: fxsave_only.py COMMAND...

User-Mode Linux 6.1 keeps a guest's registers in a buffer that is too small for newer processors
(those with AMX), and Linux takes back the whole of that state or nothing (EFAULT). When ptrace does
not know the larger state, it uses the older calls. What runs in the guest must leave AVX alone then;
init.sh sees to that."""

import ctypes
import errno
import os
import struct
import sys

PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ERRNO = 0x00050000
SECCOMP_RET_ALLOW = 0x7FFF0000
BPF_LOAD = 0x20  # a word of struct seccomp_data
BPF_JUMP_EQUAL = 0x15
BPF_RETURN = 0x06
NUMBER, REQUEST, REGISTER_SET = 0, 16, 32  # in it: the call's number, arguments 0 and 2
SYS_PTRACE = 101  # x86-64
PTRACE_GETREGSET = 0x4204
NT_X86_XSTATE = 0x202

FILTER = (
    (BPF_LOAD, 0, 0, NUMBER),
    (BPF_JUMP_EQUAL, 0, 5, SYS_PTRACE),
    (BPF_LOAD, 0, 0, REQUEST),
    (BPF_JUMP_EQUAL, 0, 3, PTRACE_GETREGSET),
    (BPF_LOAD, 0, 0, REGISTER_SET),
    (BPF_JUMP_EQUAL, 0, 1, NT_X86_XSTATE),
    (BPF_RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EIO),
    (BPF_RETURN, 0, 0, SECCOMP_RET_ALLOW),
)


def prctl(option, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, *(ctypes.c_ulong(argument) for argument in arguments)) != 0:
        sys.exit("fxsave_only.py: prctl: " + os.strerror(ctypes.get_errno()))


def main():
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in FILTER)
    instructions = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(
        struct.pack("HxxxxxxQ", len(FILTER), ctypes.addressof(instructions))
    )
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program), 0, 0)
    os.execvp(sys.argv[1], sys.argv[1:])


main()
