# One image for all of Statloom's services.
FROM python:3.11-slim
RUN useradd --create-home --uid 10001 statloom && mkdir /srv/statloom /var/lib/statloom && chown statloom /var/lib/statloom
WORKDIR /srv/statloom
COPY pyproject.toml requirements.lock ./
RUN pip install --no-cache-dir uv==0.13.9 && uv pip install --system --no-cache --compile-bytecode --require-hashes -r requirements.lock
COPY . .
RUN uv pip install --system --no-cache --no-deps --no-build-isolation -e .
USER statloom
ENV STATLOOM_HOME=/var/lib/statloom PYTHONUNBUFFERED=1
ENTRYPOINT []
CMD ["statloom", "--help"]
