FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# With the optional dependencies: the compiler of the browser SDK is one.
RUN npm ci --ignore-scripts --no-audit --no-fund
# argon2 for processors with AVX2, beside the package's own build. For others there is nothing to compile.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends python3 make g++ \
  && rm -rf /var/lib/apt/lists/*
COPY scripts/tune.js scripts/
RUN npm run --silent tune && mkdir -p node_modules/argon2/x86-64-v3
COPY . .
RUN npm run build

FROM node:24-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
WORKDIR /app
COPY package.json package-lock.json ./
# The optional dependencies are the embedded stores, which production refuses.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund && npm cache clean --force
# Used where the processor can run it.
COPY --from=build /app/node_modules/argon2/x86-64-v3 ./node_modules/argon2/x86-64-v3
COPY --from=build /app/dist ./dist
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/health/live').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/server.js"]
