"""llama.cpp's own HTTP server on a GGUF file, as a process: prints its address, serves until its input ends."""

import sys

import xllamacpp


def main(file: str) -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = file
    parameters.model_alias = {"starter"}
    parameters.port = 0
    parameters.n_ctx = 2048
    parameters.n_parallel = 4  # slots, each with its share of n_ctx
    parameters.n_gpu_layers = 0
    parameters.cpuparams.n_threads = 1
    # As exact as the weights are, so that log-probabilities can be compared.
    parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    parameters.warmup = False
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)  # noqa: T201
    sys.stdin.read()
    del server


if __name__ == "__main__":
    main(sys.argv[1])
