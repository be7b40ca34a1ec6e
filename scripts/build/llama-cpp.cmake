# Included by llama.cpp's build, through CMAKE_PROJECT_INCLUDE in .cargo/config.toml.

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64" AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    # GCC before 14 may remove the stores that fill an AMX tile configuration, because its
    # `_tile_loadconfig` declares that only 8 of the 64 bytes are read (GCC bug 114098). On a CPU with
    # AMX (Sapphire Rapids and later), a native build of llama.cpp then ends with an illegal instruction
    # in its first matrix product. Without dead store elimination, all stores are kept.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
        add_compile_options(-fno-tree-dse -fno-dse)
    endif()

    # A native build of llama.cpp compiles its kernels for this CPU, but not the functions that they call.
    # One of these, `ggml_bf16_to_fp32_row`, is called for each value that a token attends to. For 64
    # numbers it takes 8 ns without vector instructions and 0.3 ns with them.
    if(GGML_NATIVE)
        add_compile_options(-march=native)
    endif()
endif()
