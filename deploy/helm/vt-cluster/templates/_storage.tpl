{{/* host of all storage nodes: the headless service */}}
{{- define "vt.storage.host" -}}
{{- $component := include "vt.component" (dict "root" . "name" "vtstorage") -}}
{{- printf "%s.%s.svc.%s" $component .Release.Namespace .Values.global.cluster.dnsDomain -}}
{{- end -}}

{{- define "vt.storage.addr" -}}
{{- printf "%s:%v" (include "vt.storage.host" .) .Values.vtstorage.service.servicePort -}}
{{- end -}}

{{/* a Job that runs a script of files/ at a hook of Helm; takes root, suffix, hook, seconds, file, arguments */}}
{{- define "vt.hook" -}}
{{- $values := .root.Values.vtstorage -}}
{{- $at := dict "root" .root "name" "vtstorage" -}}
{{- $annotations := dict "helm.sh/hook" .hook "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "vt.metadata" (merge (dict "suffix" .suffix "annotations" $annotations) $at) | nindent 2 }}
spec:
  backoffLimit: 3
  activeDeadlineSeconds: {{ .seconds }}
  template:
    metadata:
      labels:
        {{- /* Not those of storage pods: services must not find it. */}}
        {{- include "vt.labels" (dict "root" .root "name" "hook") | nindent 8 }}
    spec:
      restartPolicy: Never
      {{- include "vt.pod" (dict "root" .root "name" "vtstorage") | nindent 6 }}
      containers:
        - name: vtctl
          command: ["/bin/bash", "-euo", "pipefail", "-c"]
          args:
            - |
              {{- .root.Files.Get (printf "files/%s" .file) | nindent 14 }}
            - {{ include "vt.storage.addr" .root | quote }}
            {{- range .arguments }}
            - {{ . | quote }}
            {{- end }}
          image: {{ include "vt.image" $at }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          securityContext:
            {{- toYaml (omit $values.securityContext "enabled") | nindent 12 }}
          resources:
            requests: {cpu: 10m, memory: 32Mi}
            limits: {memory: 64Mi}
          {{- if or .root.Values.tls.secretName .root.Values.auth.secretName }}
          {{- /* vtctl's flags */}}
          env:
            {{- if .root.Values.tls.secretName }}
            - {name: VT_tlsCAFile, value: /etc/vt/tls/ca.crt}
            - {name: VT_tlsCertFile, value: /etc/vt/tls/tls.crt}
            - {name: VT_tlsKeyFile, value: /etc/vt/tls/tls.key}
            {{- end }}
            {{- if .root.Values.auth.secretName }}
            - {name: VT_bearerTokenFile, value: /etc/vt/operator/token}
            {{- end }}
          volumeMounts:
            {{- if .root.Values.tls.secretName }}
            - {name: tls, mountPath: /etc/vt/tls, readOnly: true}
            {{- end }}
            {{- if .root.Values.auth.secretName }}
            - {name: operator, mountPath: /etc/vt/operator, readOnly: true}
            {{- end }}
      volumes:
        {{- with .root.Values.tls.secretName }}
        - name: tls
          secret: {secretName: {{ . }}}
        {{- end }}
        {{- if .root.Values.auth.secretName }}
        - name: operator
          secret: {secretName: {{ .root.Values.auth.operatorSecretName }}}
        {{- end }}
          {{- end }}
{{- end -}}
