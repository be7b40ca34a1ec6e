# Included into llama.cpp's build (see .cargo/config.toml).

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64" AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    # GCC before 14 may take the stores that fill an AMX tile configuration for dead: `_tile_loadconfig`
    # tells it that 8 of the 64 bytes are read (gcc bug 114098). On a CPU with AMX (Sapphire Rapids and
    # later) a native build of llama.cpp then dies of an illegal instruction in its first matrix
    # product. Without dead store elimination the configuration stays whole.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
        add_compile_options(-fno-tree-dse -fno-dse)
    endif()

    # A native build compiles only the kernels for this CPU, not what they call: `ggml_bf16_to_fp32_row`, once for each value
    # that a token attends to, takes 8 ns for 64 numbers without vector instructions and 0.3 with them.
    if(GGML_NATIVE)
        add_compile_options(-march=native)
    endif()
endif()
