/** The largest gRPC message, both ways: a prompt of a million token ids is about 4 MiB. */
export const messageBytesMax = 64 * 1024 * 1024;
