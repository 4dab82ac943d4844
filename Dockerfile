# An image in which `make repro` works: docker build --tag regenre . && docker run --rm regenre
# of 3.12 a locked package has no wheel, and would need a compiler
FROM python:3.13-slim

RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --shell /bin/bash regenre
USER regenre
WORKDIR /home/regenre/project

# the environment lies outside the project, so that a development container may mount another copy there
ENV VENV=/home/regenre/venv PATH=/home/regenre/venv/bin:$PATH PIP_NO_CACHE_DIR=1
COPY --chown=regenre . .
RUN make $VENV/.regenre-is-set-up
# the copy has no .git
RUN dvc config --local core.no_scm true
CMD ["make", "repro"]
